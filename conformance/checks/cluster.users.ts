import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { gather, onEach, times } from './cluster.rooms.js';

const allowedOrigin = (t: Stage): string =>
  t.origins[0] ?? t.notExercised('no allowed origin is configured (--origin)');

/** Connections of one user, one to each instance. */
const tabs = (t: Stage, user: string): Promise<Peer[]> =>
  Promise.all(t.urls.map((_, at) => t.connect(user, { at })));

/** Messages to users, limits and memory, over instances. */
export const clusterUsers = [
  check('cluster-direct-crosses-once', async (t) => {
    t.needs('direct');
    const recipients = [...(await tabs(t, 'ann')), await t.connect('ann')];
    const senders = await onEach(t, 'bob');
    const strangers = await onEach(t, 'eve');
    const to = recipients[0]?.user;
    for (const text of ['first', 'second'])
      for (const sender of senders)
        await sender.acked('direct', { to, text: `${text} of ${sender.label}` });
    for (const peer of recipients) {
      for (const { label } of senders)
        await peer.receives('direct', { data: { text: `second of ${label}` } });
      for (const { label } of senders)
        t.equal(
          times(peer, 'direct', { data: { text: `first of ${label}` } }),
          1,
          `the copies of a direct of ${label} on a connection of its recipient`,
        );
    }
    for (const peer of strangers) await peer.hearsNothing();
  }),

  check(
    'cluster-direct-crosses-once',
    async (t) => {
      t.needs('direct');
      const [sender] = (await onEach(t, 'bob')) as [Peer];
      const ann = await t.connect('ann', { at: t.urls.length - 1 });
      await sender.acked('direct', { to: ann.user, text: 'over there?' });
      await ann.receives('direct', { data: { text: 'over there?' } });
      ann.close(1000);
      await ann.ends();
      const refused = async (): Promise<string> => {
        for (;;) {
          const { data } = await sender.request('direct', { to: ann.user, text: 'still there?' });
          if (data.code !== undefined && data.code !== 'rate_limited') return data.code;
          await t.pause(Number(data['retry_after_ms'] ?? 200));
        }
      };
      const code = await t.within(
        refused(),
        {
          expected: 'a direct to a user without a connection ends in recipient_unavailable',
          actual: 'each was acknowledged',
        },
        5_000,
      );
      t.equal(code, 'recipient_unavailable', 'the code of a direct to a user who has gone');
    },
    { variant: 'available' },
  ),

  check(
    'cluster-broadcast-crosses-once',
    async (t) => {
      t.needs('broadcast');
      const claims = { scope: 'parlor:broadcast' };
      const speakers = await Promise.all(
        t.urls.map((_, at) => t.connect(`ann-${at}`, { at, claims })),
      );
      const everybody = [...speakers, ...(await onEach(t, 'bob'))];
      const said: string[] = [];
      for (const round of ['first', 'second'])
        for (const speaker of speakers) {
          const text = t.room(`${round} of ${speaker.label}`);
          said.push(text);
          await speaker.acked('broadcast', { text });
          await Promise.all(
            everybody.map((peer) => peer.receives('broadcast', { data: { text } })),
          );
        }
      // All but the last round has arrived for good: later ones have come along every way behind it.
      for (const peer of everybody)
        for (const text of said.slice(0, speakers.length))
          t.equal(
            times(peer, 'broadcast', { data: { text } }),
            1,
            `the copies of a broadcast on ${peer.label}'s connection`,
          );
    },
    { alone: 'last' },
  ),

  check(
    'cluster-rate-limit-shared',
    async (t) => {
      const { limit, window_ms, scope } = t.rate('messages');
      if (scope !== 'user') t.vacuous('the bucket `messages` is counted per connection');
      const peers = await tabs(t, 'ann');
      for (const peer of peers) await peer.joins('lounge');
      const started = performance.now();
      const replies = await Promise.all(
        peers.flatMap((peer) =>
          Array.from({ length: limit }, (_, i) =>
            peer.request('chat', { text: `${i}` }, { room: 'lounge' }),
          ),
        ),
      );
      if (performance.now() - started >= window_ms)
        t.inconclusive('the burst took longer than the window');
      t.assert(replies.filter(({ type }) => type === 'ack').length === limit, {
        expected: `${limit} of ${replies.length} messages of one user, sent through ${peers.length} instances in one burst, are admitted`,
        actual: `${replies.filter(({ type }) => type === 'ack').length} were`,
        hint: 'Keep the log of a user-scoped bucket in the broker, and decide there in one atomic step.',
      });
    },
    { timers: true },
  ),

  check('cluster-connection-limit-shared', async (t) => {
    const { max_connections_per_user: most } = t.welcome.limits;
    if (most > 200)
      t.notExercised(`max_connections_per_user is ${most}, more than are opened here`);
    const kept: Peer[] = [];
    for (let i = 0; i < most; i += 1) kept.push(await t.connect('ann', { at: i % t.urls.length }));
    for (const [at] of t.urls.entries()) {
      const one = await t.open({ token: t.mint('ann'), at, label: `ann, one too many on ${at}` });
      await one.closes(4005, 'connection_limit');
    }
    for (const peer of kept) await peer.staysOpen();
  }),

  check('cluster-duplicate-recognised-across', async (t) => {
    if (t.welcome.dedup_window_ms === undefined)
      t.notExercised('`dedup_window_ms` is not announced');
    const [watcher] = (await onEach(t, 'bob')) as [Peer];
    await watcher.joins('lounge');
    const peers = await tabs(t, 'ann');
    for (const peer of peers) await peer.joins('lounge');
    for (const [at, first] of peers.entries()) {
      const again = peers[(at + 1) % peers.length] as Peer;
      const id = `again-${at}`;
      const ack = await first.chat('lounge', `said once, on ${at}`, { id });
      const repeated = await again.chat('lounge', `said once, on ${at}`, { id });
      t.equal(
        repeated.data,
        { ...ack.data, duplicate: true },
        '`data` of the ack of a request that was repeated on another instance',
      );
      const other = await again.request('chat', { text: 'other words' }, { id, room: 'lounge' });
      again.isError(other, 'duplicate_id');
    }
    const [last] = peers as [Peer];
    await watcher.fencedBy(last, 'lounge');
    for (const at of peers.keys())
      t.equal(
        times(watcher, 'chat', { data: { text: `said once, on ${at}` } }),
        1,
        'the number of deliveries of a request that was repeated on another instance',
      );
  }),

  check('cluster-history-shared', async (t) => {
    t.needs('resume');
    const speakers = await onEach(t, 'ann');
    await gather('lounge', speakers);
    const { epoch = '' } = (await (speakers[0] as Peer).joins('lounge')).data;
    for (const text of ['one', 'two', 'three'])
      for (const speaker of speakers) await speaker.chat('lounge', `${text} of ${speaker.label}`);
    const total = 3 * speakers.length;
    for (const [at] of t.urls.entries()) {
      const late = await t.connect(`late-${at}`, { at });
      const { data } = await late.joins('lounge', { since: { epoch, seq: 1 } });
      t.equal([data.recovered, data.replayed], [true, total - 1], '`recovered` and `replayed`');
      await late.receives('chat', { seq: total });
      const events = late.received('chat', ({ seq }) => (seq ?? 0) <= total);
      t.equal(
        events.map(({ seq }) => seq),
        Array.from({ length: total - 1 }, (_, i) => i + 2),
        `the numbers that ${t.urls[at]} replays`,
      );
    }
  }),

  check(
    'cluster-session-revocation-shared',
    async (t) => {
      t.needs('session');
      const { value } = t.spareSession();
      const origin = allowedOrigin(t);
      const peers = await Promise.all(
        t.urls.map((_, at) =>
          t.connect('session', { at, origin, cookie: `session_token=${value}` }),
        ),
      );
      await t.control('session.revoke', { value, url: t.urls[0], origin });
      const bound = t.welcome.session_revocation_ms ?? 5_000;
      for (const peer of peers) await peer.closes(4003, 'session_revoked', bound);
    },
    { needs: ['session', 'control:session.revoke'] },
  ),
];
