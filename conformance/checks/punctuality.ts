import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Canary } from '#conformance/harness/canary.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Delay } from '#conformance/harness/stalls.js';

// A flood says nothing of punctuality.
const FLOOD_BYTES = 1_000_000;

/**
 * Watches, while something goes on, how late this process is and how long the server at `url` takes for a Pong: what
 * either was late itself proves nothing of a timer. A Pong that is still to come counts with the time that it has taken.
 */
export async function watched<T>(
  t: Stage,
  run: (worst: () => Delay) => Promise<T>,
  url = t.urls[0] ?? '',
): Promise<T> {
  const lag = monitorEventLoopDelay({ resolution: 10 });
  let slowest = 0;
  const witness = new Canary(
    new URL(url),
    () => ({ query: [['token', t.mint('witness')]] }),
    (ms) => {
      slowest = Math.max(slowest, ms);
    },
    FLOOD_BYTES,
  );
  await witness.start();
  lag.enable();
  try {
    return await run(() => ({
      runner: lag.max / 1e6,
      target: Math.max(t.slowest, slowest, witness.waitingFor),
    }));
  } finally {
    lag.disable();
    witness.stop();
  }
}

/** Leaves it open what came too late, or not at all, where the machine or the server was late by more than `mostMs`. */
export function mustBePunctual(
  t: Stage,
  { runner, target }: Delay,
  mostMs: number,
  what: string,
): void {
  if (runner > mostMs) t.inconclusive(`the machine was too busy to tell: ${what}`);
  // Its timers wait for what it is busy with as well.
  if (target > mostMs)
    t.tooLate(
      `the server took ${Math.round(target)} ms for an answer, which says nothing of its timers: ${what}`,
    );
}
