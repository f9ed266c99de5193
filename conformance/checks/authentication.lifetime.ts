import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import { welcomed } from './openings.js';

// What two clocks of one machine may differ by, in milliseconds.
const CLOCKS_MS = 100;
// What has to be left of a token at its welcome, in milliseconds.
const LEFT_MS = 1_000;
const DAY_S = 86_400;

const OWN_END =
  "Each connection ends with its own token, whatever the tokens of the user's other connections say: set a timer for each, and close the connection, not the user.";

/** Seconds that a short token of a check has to live, at most: it begins within a second. */
export const SHORT_S = 3;
/** How long a server may take to close an expired connection, in milliseconds. */
export const CLOSE_WITHIN_MS = 5_000;
/** What a check lasts that waits for a short token's end. */
export const lasting = { timers: true, takes: () => SHORT_S * 1000 } as const;

/** The `exp` of a token that lives so many seconds at most, and a second less at least. */
export const soon = (seconds = SHORT_S) => Math.floor(Date.now() / 1000) + seconds;

/** A welcomed connection whose token ends soon. */
export async function shortLived(t: Stage, label: string, exp: number): Promise<Peer> {
  const token = t.mint(label, { exp });
  const peer = await inTime(t, exp, () => welcomed(t, { token }, label));
  leavesTime(t, peer, exp);
  return peer;
}

/** Says nothing of a token of which little was left at its welcome. */
export function leavesTime(t: Stage, peer: Peer, exp: number): void {
  if (exp * 1000 - Date.parse(String(peer.welcome.timestamp)) < LEFT_MS)
    t.inconclusive('the machine was too slow: little was left of the token when it was welcomed');
}

/** Does what tells nothing once a token has ended. */
export async function inTime<T>(t: Stage, exp: number, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    // A server that closed for expiry was right if the token had ended by then.
    const expired = error instanceof Violation && error.actual.includes('token_expired');
    if (expired && Date.now() >= exp * 1000 - CLOCKS_MS)
      t.inconclusive('the machine was too slow: the token had ended before all was done');
    throw error;
  }
}

/** Does something time and again while something else is awaited. */
export async function meanwhile<T>(
  t: Stage,
  awaited: Promise<T>,
  act: () => void,
  everyMs: number,
): Promise<T> {
  let over = false;
  const settle = () => {
    over = true;
  };
  awaited.then(settle, settle);
  while (!over) {
    act();
    await t.pause(everyMs);
  }
  return awaited;
}

/** Milliseconds from now until a token has ended for the server at the latest, its leeway included. */
export function untilEnd(t: Stage, exp: number): number {
  return Math.max(0, exp * 1000 + (t.minter.config.leewayMs ?? 0) - Date.now());
}

/** Waits for the close of a connection whose token ends. */
export function expires(t: Stage, peer: Peer, exp: number, hint?: string) {
  return peer.closes(4001, 'token_expired', untilEnd(t, exp) + CLOSE_WITHIN_MS, hint);
}

/** The checks of the life of an open connection. */
export const lifetime = [
  check(
    'authentication-expiry-closes',
    async (t) => {
      const exp = soon();
      await expires(t, await shortLived(t, 'ann', exp), exp);
    },
    lasting,
  ),

  check(
    'authentication-expiry-closes',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await ann.joins('lounge');
      const ping = () => ann.send('ping', {});
      // Slow enough to stay within the rate of a server with a long leeway.
      const everyMs = Math.max(150, (untilEnd(t, exp) + 2 * CLOSE_WITHIN_MS) / 80);
      await meanwhile(t, expires(t, ann, exp), ping, everyMs);
    },
    { ...lasting, variant: 'busy' },
  ),

  check(
    'authentication-expiry-closes',
    async (t) => {
      // The first of a user's connections outlives the second, and one outlives both by far.
      await t.connect('ann', { claims: { exp: soon(3_600) } });
      const [longer, shorter] = [soon(SHORT_S + 1), soon()];
      const laptop = await shortLived(t, 'ann', longer);
      const phone = await shortLived(t, 'ann', shorter);
      await expires(t, phone, shorter, OWN_END);
      await expires(t, laptop, longer, OWN_END);
    },
    { timers: true, takes: () => (SHORT_S + 1) * 1000, variant: 'two-connections' },
  ),

  check(
    'authentication-expiry-not-early',
    async (t) => {
      // Whoever rounds it down closes nearly a second before.
      const exp = soon(SHORT_S - 1) + 0.875;
      const before = performance.now();
      const ann = await shortLived(t, 'ann', exp);
      const welcomedAt = Date.parse(String(ann.welcome.timestamp));
      await t.pause(Math.max(0, exp * 1000 - welcomedAt - (performance.now() - before)));
      if (ann.closed?.reason !== 'token_expired') return;
      // The timestamp is later than `before`, so that the server closed no later than this by its own clock.
      const closedAt = welcomedAt + ann.closed.at - before;
      const early = exp * 1000 - closedAt;
      t.assert(early < CLOCKS_MS, {
        expected: `the connection is not closed before the exp of its token, ${new Date(exp * 1000).toISOString()}`,
        actual: `by the server's own clock it was closed at least ${Math.round(early)} ms before`,
      });
    },
    lasting,
  ),

  check(
    'authentication-expiry-not-early',
    async (t) => {
      const exp = soon();
      const laptop = await t.connect('ann', { claims: { exp: soon(3_600) } });
      const phone = await shortLived(t, 'ann', exp);
      await expires(t, phone, exp);
      await laptop.staysOpen().catch((error: unknown) => {
        if (laptop.closed?.reason !== 'token_expired') throw error;
        t.fail({
          expected: 'the connection stays open, whose token ends in an hour',
          actual: "it was closed with token_expired when that of the user's other connection ended",
          hint: OWN_END,
        });
      });
    },
    { ...lasting, variant: 'two-connections' },
  ),

  check('authentication-far-expiry-kept', async (t) => {
    // 2^31 and 2^32 milliseconds are 24.8 and 49.7 days.
    const peers = await Promise.all(
      [25, 30, 50, 60, 1_000, 10_000].map((days) =>
        t.connect('ann', { claims: { exp: soon(days * DAY_S) } }),
      ),
    );
    for (const peer of peers) await peer.staysOpen();
    // A timer that was set for too long fires at once.
    await t.pause(100);
    for (const peer of peers) await peer.staysOpen();
  }),
];
