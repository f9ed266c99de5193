import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { type Attempts, messagesRate } from './attempts.js';
import { whyRefilled } from './excess.js';
import { NOT_THE_LOG, start, why, windows } from './rates.bursts.js';

/** What is sent once the wait of the last refusal is over has to be admitted; `type` is its name in the failure. */
export async function waited(t: Stage, tries: Attempts, type: string, hint: string): Promise<void> {
  const wait = Number(tries.refusal()['retry_after_ms']);
  await t.pause(wait + 1);
  await tries.burst(1);
  t.assert(tries.last.admitted, {
    expected: `a ${type} sent ${wait} ms after the refusal, as its retry_after_ms says, is admitted`,
    actual: 'it is refused',
    hint,
  });
}

/** A bucket says no longer a wait than it has to. */
export async function tight(t: Stage, tries: Attempts): Promise<void> {
  const { limit, window_ms } = tries.rate;
  let wait = Number.NaN;
  const early = async () => {
    // The oldest is well within its window by then, and the newest is not: the wait is that of the oldest.
    await tries.burst(Math.ceil(limit / 2));
    await t.pause(window_ms * 0.6);
    await tries.burst(Math.floor(limit / 2));
    await tries.burst(1);
    const refused = tries.last;
    wait = Number(tries.refusal()['retry_after_ms']);
    // All that was admitted has left the window by then, however long the wait is said to be.
    const gone = performance.now() - refused.sent;
    await t.pause(Math.max(0, Math.min(wait * 0.45, window_ms * 1.1) - gone));
    await tries.burst(1);
    return tries.last.replied <= refused.sent + wait * 0.8;
  };
  for (let round = 1; !(await early()); round += 1) {
    if (round === 3) t.inconclusive('the probe came after 80 % of retry_after_ms');
    await t.pause(window_ms * 1.1);
  }
  t.assert(!tries.last.admitted, {
    expected: `a message that arrives before 80 % of retry_after_ms (${wait} ms) is refused`,
    actual: 'it is admitted',
    hint: 'retry_after_ms is longer than it has to be, or the algorithm is another: a client would wait for nothing.',
  });
}

/** The checks of spec/rates.md that let a window pass. */
export const slides = [
  check(
    'rates-window-frees',
    async (t) => {
      const { tries } = await start(t);
      await tries.burst(tries.rate.limit);
      await tries.untilFree();
      await tries.burst(tries.rate.limit);
      tries.judge();
    },
    windows(1.1),
  ),

  check(
    'rates-window-frees',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      if (limit < 2) return t.notExercised('with a limit of one nothing can slide');
      await tries.burst(1);
      await t.pause(window_ms / 2);
      await tries.burst(limit - 1);
      await tries.untilOldestFree();
      await tries.burst(2);
      tries.judge({ lastIs: 'refused' });
    },
    { ...windows(1.1), variant: 'slides' },
  ),

  check(
    'rates-no-refill-within-window',
    async (t) => {
      const { tries } = await start(t);
      await tries.burst(tries.rate.limit);
      await t.pause(tries.rate.window_ms / 2);
      await tries.burst(1);
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, await whyRefilled(tries)) });
    },
    windows(0.6),
  ),

  check(
    'rates-no-fixed-window',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      const half = Math.floor(limit / 2);
      if (half < 1) return t.notExercised('with a limit of one there is no half a burst');
      await tries.burst(half);
      await t.pause(window_ms / 2);
      await tries.burst(limit - half);
      await tries.untilOldestFree(half);
      await tries.burst(limit);
      const guess = `After a whole window more than the oldest ${half} are free: a fixed window begins anew and forgets, and tokens have grown back. ${NOT_THE_LOG}`;
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    windows(1.2),
  ),

  // Windows of a wall clock: whatever their boundary, it lies between the burst and the probe of one of four users.
  check(
    'rates-no-fixed-window',
    async (t) => {
      const { window_ms } = messagesRate(t);
      await Promise.all(
        ['ann', 'bob', 'cid', 'dan'].map(async (label, index) => {
          const { tries } = await start(t, label);
          await t.pause((index * window_ms) / 4);
          await tries.burst(tries.rate.limit);
          await t.pause(window_ms * 0.7);
          await tries.burst(1);
          const guess = `Somewhere in a window a full burst is forgotten or tokens grow back, as on a boundary of the clock. ${NOT_THE_LOG}`;
          tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess, label) });
        }),
      );
    },
    { ...windows(1.5), variant: 'on-the-clock' },
  ),

  check(
    'rates-retry-after-enough',
    async (t) => {
      const { tries } = await start(t);
      const { limit, window_ms } = tries.rate;
      await tries.burst(limit);
      await t.pause(window_ms / 3);
      await tries.burst(1);
      const hint =
        'retry_after_ms is the time until the oldest admitted message is window_ms old, rounded up.';
      await waited(t, tries, 'message', hint);
    },
    windows(1.1),
  ),

  check('rates-retry-after-tight', async (t) => tight(t, (await start(t)).tries), windows(1)),
];
