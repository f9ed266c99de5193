import type { Attempts } from './attempts.js';

// So many messages more than a limit tell a limit that is off by one from none.
const PROBES = 2;

/**
 * The likely cause of messages that were admitted beyond the log: undefined where there were none. What stands to reason
 * (`guess`) is said only where a burst of somebody else shows that the limit itself holds.
 */
export async function whyAdmitted(
  tries: Attempts,
  somebody: () => Promise<Attempts>,
  guess: string,
): Promise<string | undefined> {
  return tries.surplus === 0 ? undefined : whyMore(await somebody(), guess);
}

/** The likely cause of one message too many, told by a burst of somebody else of whom no message was counted yet. */
export async function whyMore(other: Attempts, guess: string): Promise<string> {
  // What overflowed may be another bucket than the one that is probed.
  const { limit, close_after } = other.rate;
  // The burst could end the connection of somebody else, and tell less than what is known.
  if (close_after > 0 && close_after <= PROBES) return guess;
  await other.burst(limit + PROBES);
  if (other.admitted <= limit) return guess;
  if (other.admitted === limit + 1)
    return `Off by one: of ${limit + PROBES} messages at once ${limit + 1} are admitted. Compare before you append: a log that already holds \`limit\` = ${limit} entries refuses.`;
  return `All of ${limit + PROBES} messages at once are admitted: no limit of ${limit} holds. See that the limiter is asked for each message, with the announced number, and keeps its log between them.`;
}

/** What a full bucket shows that admitted one more before its window had passed: `tries` goes on with a whole burst. */
export async function whyRefilled(tries: Attempts): Promise<string> {
  const { limit, window_ms, close_after } = tries.rate;
  const cure =
    'The algorithm is a sliding log: count the admitted messages of the last window_ms before each message.';
  if (tries.surplus === 0 || close_after > 0) return cure;
  await tries.burst(limit);
  const seen = `Half a window after a full burst, ${tries.surplus} of ${limit + 1} messages are admitted`;
  return tries.surplus >= limit
    ? `${seen}: the window is over, or begins anew, before ${window_ms} ms have passed. Look for a shorter window, for seconds in place of milliseconds, or for a window on the clock. ${cure}`
    : `${seen}: places grow back one by one, as those of a token bucket do. ${cure}`;
}
