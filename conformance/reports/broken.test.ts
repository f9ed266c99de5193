import { describe, expect, it } from 'vitest';
import { type Broken, brokenRules, followers, telling } from './broken.js';
import { book, explained, report } from './fixtures/example.js';

describe('brokenRules', () => {
  it('puts first what explains most, then what has a cure, and warnings and known failures last', () => {
    expect(
      brokenRules(report, book).map(({ check, grade, follows }) => [check, grade, follows.length]),
    ).toEqual([
      ['handshake-refusal-after-upgrade', 'fail', 3],
      ['rooms-survives-disconnect', 'fail', 0],
      ['messages-schema', 'fail', 0],
      ['chat-order-per-sender', 'fail', 0],
      ['handshake-plain-get', 'warning', 0],
      ['limits-text-bytes', 'known', 0],
    ]);
  });

  it('puts what probably follows beneath its cause, apart from what surely does', () => {
    const found = brokenRules(explained, book);
    expect(found.map(({ check }) => check)).not.toContain('chat-order-per-sender');
    const [first, second] = found.map(followers);
    expect(first?.surely).toHaveLength(3);
    expect(first?.probably).toEqual([]);
    expect(second?.probably.map(({ check }) => check)).toEqual(['chat-order-per-sender']);
    expect(explained.totals).toEqual(report.totals);
  });

  it('says which check received the frame that broke a rule', () => {
    expect(
      brokenRules(report, book)
        .map(({ seen_in }) => seen_in?.check)
        .filter(Boolean),
    ).toEqual(['rooms-leave-on-disconnect']);
  });

  it('comes to an end where causes go round in a circle or name nobody', () => {
    const circle = report.checks
      .filter(({ failure }) => failure)
      .map((each, index, all) => ({
        ...each,
        failure: {
          rule: each.rule,
          expected: [],
          actual: '',
          timeline: [],
          caused_by: all[(index + 1) % all.length]?.check ?? '',
        },
      }));
    expect(brokenRules({ ...report, checks: circle }, book)).toHaveLength(circle.length);
    const orphan = circle
      .slice(0, 1)
      .map((each) => ({ ...each, failure: { ...each.failure, caused_by: 'nobody' } }));
    expect(brokenRules({ ...report, checks: orphan }, book)).toHaveLength(1);
  });
});

describe('the most telling of broken rules', () => {
  const broken = (...checks: string[]) =>
    checks.map((check) => {
      const [rule = ''] = check.split('/');
      return { check, rule, grade: 'fail' } as unknown as Broken;
    });
  const told = (most: number, ...checks: string[]) =>
    telling(broken(...checks), most).map(({ check }) => check);

  it('are one of each chapter, before a second of any', () => {
    expect(told(3, 'chat-a/x', 'chat-a/y', 'chat-b', 'rooms-a', 'errors-a', 'errors-b')).toEqual([
      'chat-a/x',
      'rooms-a',
      'errors-a',
    ]);
  });

  it('are further checks of a rule only after all rules', () => {
    expect(told(3, 'chat-a/x', 'chat-a/y', 'chat-b', 'rooms-a')).toEqual([
      'chat-a/x',
      'chat-b',
      'rooms-a',
    ]);
    expect(told(9, 'chat-a/x', 'chat-a/y')).toEqual(['chat-a/x', 'chat-a/y']);
  });
});
