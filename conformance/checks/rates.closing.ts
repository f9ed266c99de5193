import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate } from '#conformance/harness/welcome.js';
import { inWindow, unfillable } from './attempts.js';
import { start } from './rates.bursts.js';
import { strict } from './servers.js';

const ROOM = { room: 'lounge' };

// A server may work the wait out twice, for the error and for the reason; in milliseconds.
const TWICE_MS = 100;
// What a server's clock may differ by from ours within a window, in milliseconds.
const CLOCKS_MS = 50;

// Connections of one user, in a room, and the bucket that closes them.
async function speakers(t: Stage, count: number): Promise<{ peers: Peer[]; rate: Rate }> {
  const peers = await t.join('lounge', ...Array.from({ length: count }, () => 'ann'));
  const rate = peers[0]?.announced.rates.find(({ bucket }) => bucket === 'messages') as Rate;
  if (rate.close_after === 0)
    t.notExercised('the instance does not announce the close_after that it was given');
  const reason = unfillable(rate);
  if (reason !== undefined) t.notExercised(reason);
  return { peers, rate };
}

// Says so much at once, and waits for the answers, or for the close that there is in their place.
async function says(peer: Peer, count: number): Promise<void> {
  const asks = Array.from({ length: count }, () => peer.request('chat', { text: 'x' }, ROOM));
  await Promise.allSettled(asks);
}

const refusals = (peer: Peer) => peer.received('error', { data: { code: 'rate_limited' } }).length;

// Each of the connections has to be open; so many refusals are too few to say anything.
async function kept(t: Stage, peers: Peer[], { close_after }: Rate, hint: string): Promise<void> {
  for (const peer of peers) {
    await peer.staysOpen().catch((error: unknown) => {
      if (peer.closed?.code !== 4101) throw error;
      t.fail({
        expected: `the connection stays open: it never had ${close_after} refusals within window_ms`,
        actual: `after ${peers.map(refusals).join(' and ')} refusals one was closed with 4101 ${peer.closed.reason}`,
        hint,
      });
    });
  }
  const all = peers.reduce((sum, peer) => sum + refusals(peer), 0);
  if (all < close_after)
    t.inconclusive(`the machine was too slow: there were only ${all} refusals`);
}

const FEW = 'with a close_after of one the first refusal closes';

/** The checks of spec/rates.md of refusals that close a connection. */
export const closing = [
  check(
    'rates-close-after-reached',
    async (t) => {
      const { peers, rate } = await speakers(t, 1);
      const [ann] = peers as [Peer];
      const speak = (count: number) => {
        for (let i = 0; i < count; i += 1) ann.send('chat', { text: 'x' }, ROOM);
      };
      await inWindow(t, ann, rate, async () => {
        speak(rate.limit);
        // By then the wait is shorter than the window.
        await t.pause(rate.window_ms * 0.3);
        speak(rate.close_after);
        await ann.closes(4101, /^rate_limited(;|$)/);
      });
      const { reason = '' } = ann.closed ?? {};
      const told = /;retry_after_ms=(\d+)$/.exec(reason)?.[1];
      const wait = ann.received('error').at(-1)?.data['retry_after_ms'];
      if (told === undefined || typeof wait !== 'number') return;
      t.assert(Math.abs(Number(told) - wait) <= TWICE_MS, {
        expected: `the reason of the close says the retry_after_ms of the last error, ${wait}`,
        actual: `it says ${told}`,
        hint: 'Both are milliseconds until the oldest admitted message leaves the window.',
      });
    },
    strict,
  ),

  check(
    'rates-close-after-not-before',
    async (t) => {
      const { peers, rate } = await speakers(t, 1);
      const [ann] = peers as [Peer];
      const { limit, close_after } = rate;
      for (let i = 0; i < limit + close_after - 1; i += 1) ann.send('chat', { text: 'x' }, ROOM);
      await ann.staysOpen();
      t.assert(ann.received('error').length < close_after, {
        expected: `fewer than ${close_after} refusals`,
        actual: `there are ${ann.received('error').length}: the burst was not admitted`,
      });
    },
    strict,
  ),

  check(
    'rates-close-after-not-before',
    async (t) => {
      const { peers, rate } = await speakers(t, 2);
      const [laptop, phone] = peers as [Peer, Peer];
      const few = rate.close_after - 1;
      if (few < 1) return t.notExercised(FEW);
      await says(laptop, rate.limit + few);
      await says(phone, rate.scope === 'user' ? few : rate.limit + few);
      const hint =
        "Count the refusals of each connection apart; those of the user's other connections are not this one's.";
      await kept(t, peers, rate, hint);
    },
    { ...strict, variant: 'two-connections' },
  ),

  check(
    'rates-close-after-not-before',
    async (t) => {
      const { peers, rate } = await speakers(t, 1);
      const [ann] = peers as [Peer];
      const few = rate.close_after - 1;
      if (few < 1) return t.notExercised(FEW);
      await says(ann, rate.limit + few);
      await t.pause(rate.window_ms + CLOCKS_MS);
      await says(ann, rate.limit + few);
      const hint =
        'Count the refusals of the last window_ms only: what is older has to be dropped.';
      await kept(t, peers, rate, hint);
    },
    { ...strict, variant: 'spread', timers: true, takes: () => 1_600 },
  ),

  check('rates-close-after-zero', async (t) => {
    const { peer, tries } = await start(t);
    if (tries.rate.close_after !== 0)
      return t.notExercised(`close_after is ${tries.rate.close_after}`);
    await tries.burst(tries.rate.limit + 40);
    await peer.staysOpen();
  }),
];
