import { describe, expect, it } from 'vitest';
import { closeRanges, closes } from '#schemas/closes.js';
import { atOnce, backOff, bound } from './backoff.js';
import { afterEnd, retryAfterOf, type Situation } from './closing.js';

const situation: Situation = {
  notice: undefined,
  canRenew: true,
  fresh: false,
  renewalSpent: false,
  atOnceSpent: false,
};

const decided = (code: number, reason = '', more: Partial<Situation> = {}) =>
  afterEnd({ code, reason }, { ...situation, ...more }).action;

describe('what follows the end of a connection', () => {
  it.each([1000, 1007, 4000, 4001, 4003, 4077, 4099])('stops after %i', (code) => {
    expect(decided(code)).toBe('stop');
  });

  it.each([1001, 1005, 1006, 1011, 1012, 1013, 3999, 4100, 4150, 4300, 4999])(
    'backs off after %i',
    (code) => {
      expect(decided(code)).toBe('back_off');
    },
  );

  it.each([4200, 4201, 4250])('reconnects at once after %i, the first time', (code) => {
    expect(decided(code)).toBe('at_once');
    expect(decided(code, '', { atOnceSpent: true })).toBe('back_off');
  });

  it('is what the registry of close codes says', () => {
    const actions = { none: 'stop', terminal: 'stop', credentials: 'stop' } as const;
    const known = closes.map(({ code, action }) => [code, action] as const);
    const edges = closeRanges.flatMap(({ from, to, action }) =>
      from < 4000 ? [] : ([[from, action] as const, [to, action] as const] as const),
    );
    for (const [code, action] of [...known, ...edges])
      expect([code, decided(code)]).toEqual([
        code,
        actions[action as keyof typeof actions] ?? action,
      ]);
  });

  it('renews an expired token, and a fresh one only after welcome', () => {
    expect(decided(4001, 'token_expired')).toBe('renew');
    expect(decided(4001, 'token_invalid')).toBe('stop');
    expect(decided(4001, 'token_expired', { canRenew: false })).toBe('stop');
    expect(decided(4001, 'token_expired', { fresh: true, renewalSpent: true })).toBe('stop');
  });

  it('pauses where tokens expire as fast as they are renewed', () => {
    expect(decided(4001, 'token_expired', { renewalSpent: true })).toBe('back_off');
  });

  it('obeys server_shutdown', () => {
    const notice = { reconnect: false, retryAfter: 0 };
    expect(decided(1006, '', { notice })).toBe('stop');
    const end = { code: 1012, reason: 'server_restart;retry_after_ms=10' };
    const longer = { reconnect: true, retryAfter: 70 };
    expect(afterEnd(end, { ...situation, notice: longer }).retryAfter).toBe(70);
  });

  it.each([
    ['overloaded;zone=b;retry_after_ms=3000', 3000],
    ['overloaded', 0],
    ['Try again; retry_after_ms=3000', 0],
    ['overloaded;retry_after_ms=-1', 0],
    ['overloaded;retry_after_ms=1.5', 0],
  ])('reads %s', (reason, expected) => {
    expect(retryAfterOf(reason)).toBe(expected);
  });

  it('draws its waits from 0 to their bounds', () => {
    expect([0, 1, 2, 3, 99].map(bound)).toEqual([5_000, 10_000, 20_000, 30_000, 30_000]);
    expect(backOff(1, 0, () => 0.25)).toBe(2_500);
    expect(backOff(1, 700, () => 0.25)).toBe(700);
    expect(atOnce(0, () => 0.5)).toBe(500);
    expect(atOnce(3_000, () => 0.5)).toBe(3_000);
  });
});
