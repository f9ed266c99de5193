import { describe, expect, it } from 'vitest';
import { world } from './fixtures/core.js';
import { SlidingLog } from './rates.js';

describe('SlidingLog', () => {
  it('admits exactly the limit, and frees each place a window after it was taken', () => {
    const log = new SlidingLog({ limit: 2, window_ms: 100 });
    expect(log.admit(0).admitted).toBe(true);
    expect(log.admit(40).admitted).toBe(true);
    expect(log.admit(50)).toEqual({ admitted: false, retryAfterMs: 50 });
    expect(log.admit(99.5)).toEqual({ admitted: false, retryAfterMs: 1 });
    expect(log.admit(100).admitted).toBe(true);
    expect(log.admit(100)).toEqual({ admitted: false, retryAfterMs: 40 });
    expect(log.admit(140).admitted).toBe(true);
  });

  it('is idle a window after its last admission', () => {
    const log = new SlidingLog({ limit: 2, window_ms: 100 });
    log.admit(0);
    log.admit(10);
    log.admit(105);
    expect(log.idle(204)).toBe(false);
    expect(log.idle(205)).toBe(true);
  });

  it('agrees with the definition on a random schedule', () => {
    const limit = 5;
    const window_ms = 50;
    const log = new SlidingLog({ limit, window_ms });
    const admitted: number[] = [];
    let now = 0;
    for (let turn = 0; turn < 2_000; turn += 1) {
      now += (turn * 7919) % 17;
      const expected = admitted.filter((time) => time > now - window_ms).length < limit;
      if (expected) admitted.push(now);
      expect(log.admit(now).admitted).toBe(expected);
    }
  });
});

const bucket = (close_after: number, scope: 'user' | 'connection' = 'user') => ({
  rates: [{ bucket: 'messages', types: ['chat'], limit: 1, window_ms: 100, scope, close_after }],
});

const chat = { type: 'chat', room: 'den', data: { text: 'x' } };

describe('rates', () => {
  it('count refusals by later gates, and none by earlier ones', async () => {
    const { connect } = await world(bucket(0));
    const ann = await connect('ann');
    ann.take();
    await ann.send({ type: 'chat', room: 'den', data: { text: '' } });
    await ann.send(chat);
    await ann.send(chat);
    expect(ann.take().map(({ data }) => data['code'])).toEqual([
      'invalid_payload',
      'not_in_room',
      'rate_limited',
    ]);
  });

  it('share a window between the connections of a user, and not between users', async () => {
    const { connect } = await world(bucket(0));
    const [one, two, bob] = [await connect('ann'), await connect('ann'), await connect('bob')];
    await one.send(chat);
    await two.send(chat);
    await bob.send(chat);
    expect(two.take().at(-1)?.data['code']).toBe('rate_limited');
    expect(bob.take().at(-1)?.data['code']).toBe('not_in_room');
  });

  it('close at the close_after-th refusal within a window', async () => {
    const { connect, pass } = await world(bucket(2));
    const ann = await connect('ann');
    await ann.send(chat);
    await ann.send(chat);
    pass(100);
    await ann.send(chat);
    await ann.send(chat);
    expect(ann.closing).toBeNull();
    await ann.send(chat);
    expect(ann.closing).toEqual({ code: 4101, reason: 'rate_limited;retry_after_ms=100' });
  });
});
