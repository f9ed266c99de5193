import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import { crowds } from './rooms.crowds.js';
import { presence } from './rooms.presence.js';
import { walls } from './rooms.walls.js';

const ALL_MEMBERS = ['members', 'count', 'seq', 'epoch'];
const seqs = (events: readonly Message[]) => events.map(({ seq }) => seq ?? 0);

// Sends chats one after the other without waiting for their acks.
const burst = (peer: Peer, room: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => peer.chat(room, `burst ${i}`)));

const membership = [
  check('rooms-join-acked', async ({ connect, assert }) => {
    const ann = await connect('ann');
    const { data } = await ann.joins('lounge');
    for (const member of ALL_MEMBERS)
      assert(Object.hasOwn(data, member), {
        expected: `the ack of a join carries ${ALL_MEMBERS.join(', ')}`,
        actual: `it carries ${Object.keys(data).join(', ') || 'nothing'}`,
      });
  }),

  check('rooms-join-includes-oneself', async ({ connect, assert }) => {
    const ann = await connect('ann');
    const { data } = await ann.joins('lounge');
    assert(data.members?.includes(ann.user), {
      expected: `the members include ${ann.user}, who joins`,
      actual: `the members are ${JSON.stringify(data.members)}`,
      hint: 'Take the list after the connection has been added to the room.',
    });
  }),

  check('rooms-join-ack-first', async ({ connect, join, assert }) => {
    const [bob] = await join('lounge', 'bob');
    const late = await Promise.all(['ann', 'cat', 'dan', 'eve'].map((label) => connect(label)));
    const chats = burst(bob, 'lounge', 8);
    const acks = await Promise.all(late.map((peer) => peer.joins('lounge')));
    await chats;
    for (const [i, peer] of late.entries()) {
      const all = peer.received();
      const before = all.slice(0, all.indexOf(acks[i] as Message));
      const early = before.filter(({ ref, room }) => !ref && room !== undefined);
      assert(early.length === 0, {
        expected: `${peer.label} receives the ack of the join before any event of the room`,
        actual: `before the ack came ${JSON.stringify(early)}`,
        hint: 'Between becoming a member and answering nothing may be awaited.',
      });
    }
  }),

  check('rooms-join-then-every-event', async ({ connect, join, equal }) => {
    const [bob] = await join('lounge', 'bob');
    const ann = await connect('ann');
    const before = burst(bob, 'lounge', 4);
    const { data } = await ann.joins('lounge');
    const after = burst(bob, 'lounge', 4);
    const acks = [...(await before), ...(await after)];
    const last = Math.max(...acks.map((ack) => ack.data.seq ?? 0));
    await ann.receives('chat', { seq: last });
    const from = data.seq ?? 0;
    const due = Array.from({ length: last - from }, (_, i) => from + 1 + i);
    const live = seqs(ann.received('chat')).filter((seq) => seq > from && seq <= last);
    equal(live, due, `the seq of the events after a join at seq ${from}`);
  }),

  check('rooms-join-nothing-older', async ({ connect, join, equal }) => {
    const [bob] = await join('lounge', 'bob');
    await burst(bob, 'lounge', 3);
    const ann = await connect('ann');
    const chats = burst(bob, 'lounge', 3);
    const { data } = await ann.joins('lounge');
    await chats;
    await ann.fencedBy(bob, 'lounge');
    const older = ann.received('chat', ({ seq }) => (seq ?? 0) <= (data.seq ?? 0));
    equal(older, [], `the live events up to the seq ${data.seq} of the join's ack`);
  }),

  check('rooms-join-idempotent', async ({ join, assert, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    const { data } = await ann.joins('lounge');
    for (const member of ALL_MEMBERS)
      assert(Object.hasOwn(data, member), {
        expected: `the ack of a second join carries ${ALL_MEMBERS.join(', ')}, as the first does`,
        actual: `it carries ${Object.keys(data).join(', ') || 'nothing'}`,
      });
    equal(data.members?.toSorted(), [ann.user, bob.user].sort(), 'members in the second ack');
    equal(data.count, 2, 'count in the second ack');
  }),

  check('rooms-join-not-doubled', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.joins('lounge');
    await bob.chat('lounge', 'once');
    await ann.fencedBy(bob, 'lounge');
    const copies = ann.received('chat', { data: { text: 'once' } });
    equal(copies.length, 1, 'the number of copies that reach a connection that joined twice');
  }),

  check('rooms-fresh-seq-zero', async ({ connect, equal }) => {
    const ann = await connect('ann');
    equal((await ann.joins('never-used-before')).data.seq, 0, 'seq of a room that was never used');
  }),

  check('rooms-epoch-with-seq', async ({ connect, assert }) => {
    const ann = await connect('ann');
    const first = (await ann.joins('lounge')).data;
    await burst(ann, 'lounge', 3);
    await ann.leaves('lounge');
    const again = (await ann.joins('lounge')).data;
    assert(again.epoch !== first.epoch || (again.seq ?? 0) >= 3, {
      expected: ['the old epoch with a seq of at least 3', 'a new epoch'],
      actual: `the old epoch ${again.epoch} with the seq ${again.seq}, after three events`,
    });
  }),

  check('rooms-epoch-shared', async ({ connect, equal }) => {
    const ann = await connect('ann');
    const bob = await connect('bob');
    await ann.joins('lounge');
    const { epoch } = (await bob.joins('lounge')).data;
    equal((await ann.joins('lounge')).data.epoch, epoch, "ann's epoch beside bob's");
  }),

  check('rooms-since-ignored', async ({ welcome, launch, connect, equal }) => {
    // A server that has the profile is started once more without it.
    const resumes = welcome.features.includes('resume');
    const at = resumes ? await launch({ PARLOR_FEATURES: 'operations' }, { shared: true }) : 0;
    const ann = await connect('ann', { at });
    for (const since of [null, 7, 'x', [], {}, { epoch: 'never', seq: 3 }]) {
      const { data } = await ann.joins('lounge', { since });
      equal(data.count, 1, `count in the ack of a join with since ${JSON.stringify(since)}`);
      equal(data.recovered, undefined, 'recovered where resume is not announced');
      equal(data.replayed, undefined, 'replayed where resume is not announced');
    }
  }),

  check('rooms-leave-acked', async ({ connect }) => {
    const ann = await connect('ann');
    await ann.joins('lounge');
    await ann.leaves('lounge');
  }),

  check('rooms-leave-stops-events', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await Promise.all([ann.joins('hall'), bob.joins('hall')]);
    const chats = burst(bob, 'lounge', 5);
    const { ref } = await ann.leaves('lounge');
    await chats;
    await burst(bob, 'lounge', 2);
    await ann.fencedBy(bob, 'hall');
    const heard = ann.received('*', { room: 'lounge' });
    const left = heard.findIndex((message) => message.ref === ref);
    equal(heard.slice(left + 1), [], 'what comes of the room after the ack of the leave');
  }),

  check('rooms-leave-idempotent', async ({ connect }) => {
    const ann = await connect('ann');
    await ann.leaves('never-joined');
    await ann.joins('lounge');
    await ann.leaves('lounge');
    await ann.leaves('lounge');
  }),

  check('rooms-leave-this-connection-only', async ({ join }) => {
    const [laptop, phone, bob] = await join('lounge', 'ann', 'ann', 'bob');
    await laptop.leaves('lounge');
    await bob.chat('lounge', 'still there?');
    await phone.receives('chat', { data: { text: 'still there?' } });
    await phone.chat('lounge', 'yes');
  }),

  check('rooms-join-this-connection-only', async ({ join, connect }) => {
    const phone = await connect('ann');
    const [laptop, bob] = await join('lounge', 'ann', 'bob');
    await bob.chat('lounge', 'hello');
    await laptop.receives('chat');
    await phone.hearsNothing();
    await phone.refuses('not_in_room', () =>
      phone.request('chat', { text: 'me too' }, { room: 'lounge' }),
    );
  }),

  check('rooms-members-acked', async ({ join, assert }) => {
    const [ann] = await join('lounge', 'ann', 'bob');
    const { data } = await ann.members('lounge');
    for (const member of ['members', 'count'])
      assert(Object.hasOwn(data, member), {
        expected: 'the ack of a members request carries members and count',
        actual: `it carries ${Object.keys(data).join(', ') || 'nothing'}`,
      });
  }),

  check('rooms-members-complete', async ({ join, connect, equal }) => {
    const [ann, bob, cat] = await join('lounge', 'ann', 'bob', 'cat');
    const dan = await connect('dan');
    const all = [ann, bob, cat, dan].map(({ user }) => user).sort();
    equal((await dan.joins('lounge')).data.members?.toSorted(), all, 'members in the ack of join');
    equal((await ann.members('lounge')).data.members?.toSorted(), all, 'members in its own ack');
    await bob.leaves('lounge');
    const rest = all.filter((user) => user !== bob.user);
    equal((await ann.members('lounge')).data.members?.toSorted(), rest, 'members after a leave');
  }),

  check('rooms-members-unique', async ({ join, equal }) => {
    const [laptop, , bob] = await join('lounge', 'ann', 'ann', 'bob');
    const { members } = (await bob.members('lounge')).data;
    equal(members?.toSorted(), [laptop.user, bob.user].sort(), 'members with two tabs of ann');
  }),

  check('rooms-members-no-ghosts', async ({ join, connect, equal }) => {
    const [laptop, phone, bob] = await join('lounge', 'ann', 'ann', 'bob');
    await laptop.leaves('lounge');
    await phone.leaves('lounge');
    equal((await bob.members('lounge')).data.members, [bob.user], 'members after both tabs left');
    const cat = await connect('cat');
    const { members } = (await cat.joins('lounge')).data;
    equal(members?.toSorted(), [bob.user, cat.user].sort(), 'members that a newcomer sees');
  }),

  check('rooms-count-users', async ({ join, connect, equal }) => {
    const [laptop, , bob] = await join('lounge', 'ann', 'ann', 'bob');
    equal((await laptop.members('lounge')).data.count, 2, 'count of two users, three connections');
    const cat = await connect('cat');
    equal((await cat.joins('lounge')).data.count, 3, 'count in the ack of the third join');
    await bob.leaves('lounge');
    equal((await cat.members('lounge')).data.count, 2, 'count after one left');
  }),

  check(
    'rooms-count-users',
    async ({ join, assert }) => {
      const [ann] = await join('lounge', 'ann', 'ANN', 'jos\u00e9', 'jose\u0301');
      const { count } = (await ann.members('lounge')).data;
      assert(count === 4, {
        expected:
          'count is 4: the names of two users differ in case, and those of two in their code points',
        actual: `it is ${count}`,
        hint: 'Compare the names of users code point for code point: neither folded nor normalised.',
      });
    },
    { variant: 'alike' },
  ),
];

/** The checks of spec/rooms.md. */
export const rooms = [...membership, ...presence, ...walls, ...crowds];
