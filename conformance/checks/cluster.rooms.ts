import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

/** One welcomed connection to each instance, of users of their own: `name-0`, `name-1` … */
export const onEach = (t: Stage, name: string): Promise<Peer[]> =>
  Promise.all(t.urls.map((_, at) => t.connect(`${name}-${at}`, { at })));

/** Joins each peer to a room, in order; the `join` events that this causes are of no interest. */
export async function gather(room: string, peers: readonly Peer[]): Promise<void> {
  for (const [index, peer] of peers.entries()) {
    await peer.joins(room);
    for (const before of peers.slice(0, index))
      await before.receives('join', { room, data: { user: peer.user } });
  }
}

/**
 * Everybody hears everybody, twice. What an instance delivers by itself overtakes what comes back from its
 * broker; but the second message of another instance's member travels behind all that was published before it.
 */
export async function settle(room: string, peers: readonly Peer[]): Promise<void> {
  for (const round of ['first', 'second'])
    for (const speaker of peers) {
      const text = `settled by ${speaker.label}, ${round} round`;
      await speaker.chat(room, text);
      await Promise.all(peers.map((peer) => peer.receives('chat', { room, data: { text } })));
    }
}

/** How often each of a peer's messages of a type came, by what tells them apart. */
export const times = (peer: Peer, type: string, match: Parameters<Peer['received']>[1]): number =>
  peer.received(type, match).length;

const sorted = (names: readonly string[] | undefined) => (names ?? []).toSorted();

/** The rules about rooms that span instances. */
export const clusterRooms = [
  check('cluster-instance-announced', async (t) => {
    const peers = await onEach(t, 'ann');
    const names = peers.map((peer) => peer.welcome.data['instance']);
    for (const [at, name] of names.entries())
      t.assert(typeof name === 'string' && name !== '', {
        expected: `the welcome of ${t.urls[at]} carries an \`instance\``,
        actual: `its \`instance\` is ${JSON.stringify(name)}`,
        hint: 'A name that is drawn at each start will do.',
      });
    t.equal(new Set(names).size, names.length, 'the number of different names of the instances');
  }),

  check('cluster-event-delivered-once', async (t) => {
    const peers = [...(await onEach(t, 'ann')), ...(await onEach(t, 'bob'))];
    await gather('lounge', peers);
    await Promise.all(peers.map((peer) => peer.chat('lounge', `hello from ${peer.label}`)));
    await settle('lounge', peers.slice(0, t.urls.length));
    for (const peer of peers)
      for (const speaker of peers) {
        const text = `hello from ${speaker.label}`;
        const count = times(peer, 'chat', { room: 'lounge', data: { text } });
        t.assert(count === 1, {
          expected: `${peer.label} receives the chat of ${speaker.label} once`,
          actual: `it came ${count} times`,
          hint:
            count > 1
              ? 'The instance delivers its own message, and once more when it comes back from the broker.'
              : undefined,
        });
      }
  }),

  check('cluster-one-sequence', async (t) => {
    const peers = [...(await onEach(t, 'ann')), ...(await onEach(t, 'bob'))];
    await gather('lounge', peers);
    const { limit } = t.rate('messages');
    const each = Math.min(limit, 8);
    const acks = await Promise.all(
      peers.flatMap((peer) =>
        Array.from({ length: each }, (_, i) => peer.chat('lounge', `${peer.label} says ${i}`)),
      ),
    );
    const numbers = acks.map(({ data }) => data.seq ?? 0).sort((a, b) => a - b);
    const due = Array.from({ length: acks.length }, (_, i) => i + 1);
    t.equal(numbers, due, 'the numbers in the acks of messages through all instances');
    for (const peer of peers) {
      await peer.until(
        () => (times(peer, 'chat', { room: 'lounge' }) >= due.length ? true : undefined),
        () => ({
          expected: `${peer.label} receives all ${due.length} chats`,
          actual: `it received ${times(peer, 'chat', { room: 'lounge' })}`,
        }),
      );
      const order = peer.received('chat', { room: 'lounge' }).map(({ seq }) => seq);
      t.assert(JSON.stringify(order) === JSON.stringify(due), {
        expected: `${peer.label} receives the numbers 1 to ${due.length}, each once and in order`,
        actual: `it received ${order.join(', ')}`,
        hint: 'The number and the publication have to be one atomic step in the broker.',
      });
    }
  }),

  check(
    'cluster-one-sequence',
    async (t) => {
      const peers = await onEach(t, 'ann');
      const acks = [];
      for (const peer of peers) acks.push(await peer.joins('lounge'));
      const epochs = new Set(acks.map(({ data }) => data.epoch));
      t.equal(epochs.size, 1, 'the number of epochs that the instances tell of one room');
      for (const peer of peers) await peer.chat('lounge', `one through ${peer.label}`);
      const [first] = peers as [Peer];
      const { data } = await first.joins('lounge');
      t.equal(data.seq, peers.length, 'the seq of the room after one chat through each instance');
    },
    { variant: 'epoch' },
  ),

  check('cluster-join-ack-means-subscribed', async (t) => {
    const rooms = Array.from({ length: 8 }, (_, i) => `lounge-${i}`);
    const [watchers, speakers] = [await onEach(t, 'ann'), await onEach(t, 'bob')];
    for (const [at, speaker] of speakers.entries()) {
      const watcher = watchers[(at + 1) % watchers.length] as Peer;
      for (const room of rooms) {
        const name = `${room}-${at}`;
        await speaker.joins(name);
        await watcher.joins(name);
        speaker.send('chat', { text: 'are you there?' }, { room: name });
      }
      for (const room of rooms) await watcher.receives('chat', { room: `${room}-${at}` });
    }
  }),

  check('cluster-members-complete', async (t) => {
    const peers = await onEach(t, 'ann');
    const [first] = peers as [Peer];
    const last = t.urls.length - 1;
    const twin = await t.connect('ann-0', { at: last });
    const users = sorted(peers.map(({ user }) => user));
    for (const peer of peers) await peer.joins('lounge');
    const joined = await twin.joins('lounge');
    t.equal(sorted(joined.data.members), users, 'members in the ack of a join');
    t.equal(joined.data.count, users.length, 'count in the ack of a join');
    for (const peer of [first, ...peers.slice(1)]) {
      const { data } = await peer.members('lounge');
      t.equal(sorted(data.members), users, `members in the ack of members to ${peer.label}`);
      t.equal(data.count, users.length, `count in the ack of members to ${peer.label}`);
    }
  }),

  check('cluster-join-announced', async (t) => {
    const watchers = await onEach(t, 'bob');
    await gather('lounge', watchers);
    const comers = await onEach(t, 'ann');
    for (const comer of comers) {
      await comer.joins('lounge');
      for (const peer of watchers) await peer.receives('join', { data: { user: comer.user } });
    }
    await settle('lounge', watchers);
    for (const peer of watchers)
      for (const { user, label } of comers)
        t.equal(
          times(peer, 'join', { data: { user } }),
          1,
          `the number of join events of ${label} that reach ${peer.label}`,
        );
  }),

  check('cluster-leave-announced', async (t) => {
    const watchers = await onEach(t, 'bob');
    const leaving = await onEach(t, 'ann');
    const closing = await onEach(t, 'cat');
    await gather('lounge', watchers);
    for (const peer of [...leaving, ...closing]) await peer.joins('lounge');
    for (const peer of leaving) await peer.leaves('lounge');
    for (const peer of closing) peer.close(1000);
    const gone = [
      ...leaving.map((peer) => ({ peer, reason: 'left' })),
      ...closing.map((peer) => ({ peer, reason: 'disconnected' })),
    ];
    for (const watcher of watchers)
      for (const { peer, reason } of gone)
        await watcher.receives('leave', { data: { user: peer.user, reason } });
    await settle('lounge', watchers);
    for (const watcher of watchers)
      for (const { peer } of gone)
        t.equal(
          times(watcher, 'leave', { data: { user: peer.user } }),
          1,
          `the number of leave events of ${peer.label} that reach ${watcher.label}`,
        );
  }),

  check('cluster-presence-per-user', async (t) => {
    const watchers = await onEach(t, 'bob');
    await gather('lounge', watchers);
    const tabs = await Promise.all(t.urls.map((_, at) => t.connect('ann', { at })));
    const [first, ...others] = tabs as [Peer, ...Peer[]];
    const { user } = first;
    const heard = (type: string) => watchers.map((peer) => times(peer, type, { data: { user } }));
    const once = watchers.map(() => 1);
    await first.joins('lounge');
    for (const tab of others) await tab.joins('lounge');
    await settle('lounge', watchers);
    t.equal(
      heard('join'),
      once,
      'the join events of a user who joins on every instance, by watcher',
    );
    await first.leaves('lounge');
    for (const tab of others.slice(1)) await tab.leaves('lounge');
    await settle('lounge', watchers);
    t.equal(
      heard('leave'),
      watchers.map(() => 0),
      'the leave events of a user who is still there on another instance, by watcher',
    );
    await others[0]?.leaves('lounge');
    for (const peer of watchers) await peer.receives('leave', { data: { user } });
  }),
];
