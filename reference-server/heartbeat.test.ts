import { describe, expect, it } from 'vitest';
import { heartbeat, type Pulse } from './heartbeat.js';

const numbers = { interval_ms: 400, timeout_ms: 300 };

/** Lets a pulse beat until it is dead or the time is over; `answers` says which Pings are answered. */
function run(answers: (ping: number) => boolean, until: number) {
  const pulse: Pulse = { pinged: 0, unanswered: null };
  const pings: number[] = [];
  for (let now = 0; now <= until; ) {
    const { act, next } = heartbeat.beat(pulse, now, numbers, 60);
    if (act === 'dead') return { pings, dead: now };
    if (act === 'ping') {
      pings.push(now);
      if (answers(pings.length)) pulse.unanswered = null;
    }
    now += Math.max(1, Math.ceil(next / 20) * 20);
  }
  return { pings, dead: null };
}

describe('heartbeat', () => {
  it('pings at least once in an interval, and keeps whoever answers', () => {
    const { pings, dead } = run(() => true, 10_000);
    expect(dead).toBeNull();
    for (const [at, ping] of pings.entries())
      expect(ping - (pings[at - 1] ?? 0)).toBeLessThanOrEqual(400);
  });

  it('buries the silent within interval and timeout, and not before a timeout after the Ping', () => {
    const { pings, dead } = run((ping) => ping < 3, 10_000);
    const lastHeard = pings[1] ?? 0;
    expect(dead).toBeLessThanOrEqual(lastHeard + 700);
    expect(dead).toBeGreaterThanOrEqual((pings[2] ?? 0) + 300);
  });
});
