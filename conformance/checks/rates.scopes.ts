import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate } from '#conformance/harness/welcome.js';
import { Attempts, messagesRate, unfillable } from './attempts.js';
import { start, why } from './rates.bursts.js';

function scope(t: Stage, wanted: Rate['scope']): Rate {
  const rate = t.welcome.rates.find(
    (each) =>
      each.scope === wanted && each.types.some((type) => type === 'chat' || type === 'ping'),
  );
  if (!rate || unfillable(rate))
    return t.notExercised(`no bucket of scope ${wanted} that can be filled counts chat or ping`);
  return rate;
}

// Uses up a bucket by its first type that any connection may send.
async function exhaust(t: Stage, peer: Peer, rate: Rate): Promise<Attempts> {
  if (rate.types.includes('ping')) {
    const tries = new Attempts(t, rate, () => peer.request('ping', {}));
    await tries.burst(rate.limit);
    return tries;
  }
  await peer.joins('exhausted');
  const tries = new Attempts(t, rate, () =>
    peer.request('chat', { text: 'x' }, { room: 'exhausted' }),
  );
  await tries.burst(rate.limit);
  return tries;
}

// The bucket of messages, which all connections of a user share.
function sharedRate(t: Stage): Rate {
  const rate = messagesRate(t);
  return rate.scope === 'user'
    ? rate
    : t.notExercised(`the bucket ${rate.bucket} is of scope ${rate.scope}`);
}

// The user's connection closes, its only one, and another goes on with the log.
async function comesBack(t: Stage, peer: Peer, tries: Attempts): Promise<Attempts> {
  peer.close(1000);
  await peer.ends();
  const again = await t.connect('ann');
  await again.joins('room-of-ann');
  return tries.goOn(() => again.request('chat', { text: 'x' }, { room: 'room-of-ann' }));
}

/** The checks of spec/rates.md of what counts together and what counts apart. */
export const scopes = [
  check('rates-buckets-apart', async (t) => {
    const { peer, tries } = await start(t);
    await tries.burst(tries.rate.limit + 1);
    await peer.pings();
    await peer.leaves('room-of-ann');
  }),

  check('rates-user-scope-shared', async (t) => {
    const rate = sharedRate(t);
    const { tries } = await start(t);
    await tries.burst(rate.limit);
    const second = await t.connect('ann');
    await second.joins('room-of-ann');
    const more = tries.goOn(() => second.request('chat', { text: 'x' }, { room: 'room-of-ann' }));
    await more.burst(1);
    const guess = "The limiter's key is the connection; it has to be the verified user.";
    more.judge({ lastIs: 'refused', hint: await why(t, more, guess) });
  }),

  check(
    'rates-user-scope-shared',
    async (t) => {
      const rate = sharedRate(t);
      const { peer, tries } = await start(t);
      const second = await t.connect('ann');
      await tries.burst(rate.limit);
      second.close(1000);
      await second.ends();
      // The server learns of the end in its own time; a round trip gives it some.
      await peer.echoesPing();
      await tries.burst(1);
      const guess = "The log goes with any of the user's connections; it has to outlive the last.";
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    { variant: 'one-closes' },
  ),

  check('rates-user-scope-survives-reconnect', async (t) => {
    const rate = sharedRate(t);
    const { peer, tries } = await start(t);
    await tries.burst(rate.limit);
    const more = await comesBack(t, peer, tries);
    await more.burst(1);
    const guess = "The log goes with the connection; it has to outlive the user's last one.";
    more.judge({ lastIs: 'refused', hint: await why(t, more, guess) });
  }),

  // Full, half full: whoever tidies up asks the log whether anything in it still counts.
  check(
    'rates-user-scope-survives-reconnect',
    async (t) => {
      const rate = sharedRate(t);
      const half = Math.floor(rate.limit / 2);
      if (half < 1) return t.notExercised('with a limit of one there is no half a burst');
      const { peer, tries } = await start(t);
      await tries.burst(half);
      const more = await comesBack(t, peer, tries);
      await more.burst(rate.limit - half + 1);
      const guess =
        "A log that is not full is dropped when the user's last connection closes; forget a log once all of it is older than window_ms, and no sooner.";
      more.judge({ lastIs: 'refused', hint: await why(t, more, guess) });
    },
    { variant: 'partly-used' },
  ),

  ...Object.entries({
    bob: 'The key of the log has to hold the verified user, and nothing that two users share.',
    ANN: 'Two names that differ in case are two users: compare them byte by byte, also in a store or database that folds case.',
  }).map(([label, hint]) =>
    check(
      'rates-users-apart',
      async (t) => {
        const { tries } = await start(t);
        const other = await start(t, label);
        await tries.burst(tries.rate.limit);
        await other.tries.burst(1);
        other.tries.judge({ lastIs: 'admitted', hint });
      },
      label === 'bob' ? {} : { variant: 'case' },
    ),
  ),

  check(
    'rates-users-apart',
    async (t) => {
      const { tries } = await start(t, 'jos\u00e9', 'room-of-the-one');
      const other = await start(t, 'jose\u0301', 'room-of-the-other');
      await tries.burst(tries.rate.limit);
      await other.tries.burst(1);
      const hint =
        'Two names that differ in their code points are two users, though they look alike: do not normalise them, and beware of a store that does.';
      other.tries.judge({ lastIs: 'admitted', hint });
    },
    { variant: 'normalised' },
  ),

  check('rates-connection-scope-apart', async (t) => {
    const rate = scope(t, 'connection');
    const first = await t.connect('ann');
    const second = await t.connect('ann');
    await exhaust(t, first, rate);
    (await exhaust(t, second, rate)).judge({ lastIs: 'admitted' });
  }),
];
