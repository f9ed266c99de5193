import { describe, expect, it } from 'vitest';
import { judge } from '#conformance/mutants/gate.js';
import type { Mutant } from '#conformance/mutants/mutant.js';
import { payloadOf } from '#server/frames.js';
import { checks } from './index.js';

const QUEUE = 30_000;

// A server that is right but for its queue: no message of the largest size has a reply that fits into it.
const short: Mutant = {
  rule: 'limits-queue-holds-message',
  name: 'queue-shorter-than-message',
  fault: 'The queue that is announced holds half a message.',
  parts: ({ backpressure, handshake }) => ({
    backpressure: { tooSlow: (queued) => queued > QUEUE },
    transport: {
      outbound(frame, connection) {
        if (payloadOf(frame).length <= QUEUE) return [frame];
        connection.link.close(backpressure.slow);
        return [];
      },
    },
    handshake: {
      welcome(core, connection) {
        const data = handshake.welcome(core, connection);
        return { ...data, limits: { ...data.limits, max_queue_bytes: QUEUE } };
      },
    },
  }),
};

describe('a queue that holds no message', () => {
  it('is told by its own rule, and no other', async () => {
    const concerned = checks.filter(({ id }) =>
      /^(limits-(message|queue)|backpressure-short|transport-payload-lengths)/.test(id),
    );
    const { killed, verdicts } = await judge(short, concerned);
    expect(killed).toBe(true);
    const of = (verdict: string) => Object.keys(verdicts).filter((id) => verdicts[id] === verdict);
    expect(of('fail')).toEqual(['limits-queue-holds-message']);
    expect(of('not_exercised')).toEqual(
      expect.arrayContaining([
        'limits-message-exact-accepted',
        'limits-message-fragments-counted/exact',
      ]),
    );
    expect(of('pass')).toEqual(
      expect.arrayContaining([
        'backpressure-short-pause-tolerated',
        'transport-payload-lengths-accepted',
      ]),
    );
  });
});
