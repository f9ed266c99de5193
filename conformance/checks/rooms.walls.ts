import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { fillRooms } from './capacity.js';
import { showsAcked } from './pictures.js';
import { endSeen } from './typing.js';

// What a member may do in a room, each of which makes an event.
const deeds: readonly [variant: string, type: string, act: (peer: Peer) => Promise<Message>][] = [
  ['chat', 'chat', (peer) => peer.chat('lounge', 'between us')],
  ['typing', 'typing', (peer) => peer.typing('lounge')],
  ['leave', 'leave', (peer) => peer.leaves('lounge')],
];

// Requests that only a member may make.
const requests: readonly [rule: Needs, type: string, data: object | undefined][] = [
  ['rooms-chat-needs-membership', 'chat', { text: 'let me in' }],
  ['rooms-typing-needs-membership', 'typing', { active: true }],
  ['rooms-members-needs-membership', 'members', undefined],
];

type Needs = `rooms-${'chat' | 'typing' | 'members'}-needs-membership`;

const OWN_CLAIM =
  "Keep the rooms claim with the connection: those of the user's other tokens say nothing of this one.";

// Two connections of one user whose tokens allow one room each, and not the same.
async function differing(t: Stage): Promise<{ peer: Peer; allowed: string; other: string }[]> {
  const connect = async (allowed: string, other: string) => ({
    peer: await t.connect('ann', { claims: { rooms: [t.room(allowed)] } }),
    allowed,
    other,
  });
  return [await connect('lounge', 'hall'), await connect('hall', 'lounge')];
}

/** The checks of spec/rooms.md that are about who must not hear or do what. */
export const walls = [
  ...deeds.map(([variant, type, act]) =>
    check(
      'rooms-no-leak-to-strangers',
      async ({ join, connect }) => {
        const [ann, bob] = await join('lounge', 'ann', 'bob');
        const [gone] = await join('lounge', 'gone');
        await gone.leaves('lounge');
        const [neighbour] = await join('hall', 'neighbour');
        const stranger = await connect('stranger');
        await act(ann);
        await bob.receives(type);
        for (const peer of [stranger, neighbour]) await peer.hearsNothing();
        // Who was a member has heard what came before it left.
        await gone.hearsNothing({ except: ['join'] });
      },
      { variant },
    ),
  ),

  check(
    'rooms-no-leak-to-strangers',
    async (t) => {
      t.needs('binary');
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const [neighbour] = await t.join('hall', 'neighbour');
      const stranger = await t.connect('stranger');
      await showsAcked(t, ann);
      await bob.receives('binary');
      for (const peer of [stranger, neighbour]) await peer.hearsNothing();
    },
    { variant: 'binary' },
  ),

  check(
    'rooms-no-leak-to-strangers',
    async ({ join, connect }) => {
      const [bob] = await join('lounge', 'bob');
      const stranger = await connect('stranger');
      const ann = await connect('ann');
      await ann.joins('lounge');
      await bob.receives('join');
      await stranger.hearsNothing();
    },
    { variant: 'join' },
  ),

  check(
    'rooms-no-leak-to-strangers',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      for (const peer of [ann, bob]) await peer.joins('hall');
      const [neighbour] = await t.join('hall', 'neighbour');
      await ann.typing('lounge');
      await bob.receives('typing', { data: { active: true } });
      await endSeen(t, bob, 'lounge');
      await neighbour.fencedBy(bob, 'hall');
      t.equal(
        neighbour.received('typing', { room: 'lounge' }).length,
        0,
        'the number of typing events of a room that the user is not in',
      );
    },
    { variant: 'typing-expiry', timers: true, takes: ({ typing_ttl_ms }) => typing_ttl_ms },
  ),

  check('rooms-names-case-sensitive', async ({ join, equal }) => {
    const [ann] = await join('Lounge', 'ann');
    const [bob] = await join('lounge', 'bob');
    await ann.chat('Lounge', 'in the large one');
    await ann.receives('chat');
    await bob.hearsNothing();
    equal((await bob.members('lounge')).data.members, [bob.user], 'members of the other room');
  }),

  check('rooms-names-any-legal', async ({ connect, room, assert }) => {
    const ann = await connect('ann');
    const suffix = room('').length;
    const names = ['a', '7', 'Z_.:-', 'team-7.general', 'dm:ann:bob', 'x'.repeat(128)];
    const own = [room('0'), room('a.b:c_d-e'), room('x'.repeat(128 - suffix))];
    for (const name of [...names, ...own]) {
      ann.sendJson({ type: 'join', id: `join-${name.length}-${name.slice(0, 9)}`, room: name });
      const reply = await ann.receives(
        '*',
        ({ type, ref }) => ref !== undefined && type !== 'pong',
      );
      assert(reply.type === 'ack', {
        expected: `an ack of the join of the room ${name}`,
        actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
      });
    }
  }),

  check(
    'rooms-names-any-legal',
    async ({ join }) => {
      const [ann] = await join('team:a', 'ann');
      const [bob] = await join('team', 'bob');
      const [cat] = await join('team:a:b', 'cat');
      const [dan] = await join('team.a', 'dan');
      await ann.chat('team:a', 'only here');
      await ann.receives('chat');
      for (const peer of [bob, cat, dan]) await peer.hearsNothing();
    },
    { variant: 'apart' },
  ),

  check(
    'rooms-names-any-legal',
    async ({ connect, room, equal }) => {
      // Two names of 128 characters that differ in the last one.
      const stem = `z${room('')}-`.padEnd(127, 'x');
      const names = [`${stem}a`, `${stem}b`];
      const peers = await Promise.all(['ann', 'bob'].map((label) => connect(label)));
      for (const [i, peer] of peers.entries()) {
        peer.sendJson({ type: 'join', id: `long-${i}`, room: names[i] });
        const { room: named, data } = await peer.reply(`long-${i}`, 'join');
        equal(named, names[i], '`room` of the ack of a join');
        equal(data.members, [peer.user], 'members of a room whose name is as long as may be');
      }
      const [ann, bob] = peers as [Peer, Peer];
      ann.sendJson({ type: 'chat', room: names[0], data: { text: 'only here' } });
      equal((await ann.receives('chat')).room, names[0], '`room` of the event');
      await bob.hearsNothing();
      const cat = await connect('cat');
      cat.sendJson({ type: 'join', id: 'long', room: names[1] });
      await cat.reply('long', 'join');
      equal((await bob.receives('join')).room, names[1], '`room` of the join event');
      await ann.hearsNothing();
    },
    { variant: 'long-apart' },
  ),

  ...requests.map(([rule, type, data]) =>
    check(rule, async ({ join, connect }) => {
      const [bob] = await join('lounge', 'bob');
      const eve = await connect('eve');
      await eve.refuses('not_in_room', () => eve.request(type, data, { room: 'lounge' }));
      await eve.refuses('not_in_room', () => eve.request(type, data, { room: 'empty' }));
      await bob.hearsNothing();
      // A refused request makes nobody a member either.
      await bob.chat('lounge', 'are we alone?');
      await bob.receives('chat');
      await eve.hearsNothing();
    }),
  ),

  check('rooms-claim-allows', async ({ connect, room }) => {
    const ann = await connect('ann', { claims: { rooms: [room('lounge'), room('hall')] } });
    await ann.joins('lounge');
    await ann.joins('hall');
  }),

  check(
    'rooms-claim-allows',
    async (t) => {
      for (const { peer, allowed } of await differing(t)) {
        const reply = await peer.request('join', {}, { room: allowed });
        t.assert(reply.type === 'ack', {
          expected: `an ack: the token of this connection lists ${t.room(allowed)}`,
          actual: `${reply.type} ${reply.data.code ?? ''}`,
          hint: OWN_CLAIM,
        });
      }
    },
    { variant: 'two-connections' },
  ),

  check(
    'rooms-claim-forbids',
    async (t) => {
      for (const { peer, other } of await differing(t)) {
        const reply = await peer.request('join', {}, { room: other });
        t.assert(reply.type === 'error' && reply.data.code === 'forbidden', {
          expected: `forbidden: the token of this connection does not list ${t.room(other)}`,
          actual: `${reply.type} ${reply.data.code ?? ''}`,
          hint: OWN_CLAIM,
        });
      }
    },
    { variant: 'two-connections' },
  ),

  check('rooms-claim-forbids', async ({ connect, room }) => {
    const ann = await connect('ann', { claims: { rooms: [room('lounge')] } });
    await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'hall' }));
    // The claim lists names, not beginnings of names.
    for (const alike of ['x', ':x', '.x', '-x'].map((end) => `${room('lounge')}${end}`))
      await ann.refuses('forbidden', () => ann.request('join', {}, { room: alike }));
    await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'Lounge' }));
    const eve = await connect('eve', { claims: { rooms: [] } });
    await eve.refuses('forbidden', () => eve.request('join', {}, { room: 'lounge' }));
  }),

  check(
    'rooms-leave-idempotent',
    async ({ connect }) => {
      const ann = await connect('ann', { claims: { rooms: [] } });
      await ann.leaves('lounge');
    },
    { variant: 'not-allowed' },
  ),

  check(
    'rooms-forbidden-without-trace',
    async (t) => {
      const { join, equal } = t;
      const [bob] = await join('lounge', 'bob');
      const eve = await fillRooms(t, 'eve');
      await eve.refuses('too_many_rooms', () => eve.request('join', {}, { room: 'lounge' }));
      await bob.hearsNothing();
      const { data } = await bob.members('lounge');
      equal([data.members, data.count], [[bob.user], 1], 'members and count after a refused join');
      await bob.chat('lounge', 'nobody else?');
      await bob.receives('chat');
      await eve.hearsNothing();
    },
    { variant: 'too-many-rooms' },
  ),

  check('rooms-forbidden-without-trace', async ({ join, connect, equal }) => {
    const [bob, cat] = await join('lounge', 'bob', 'cat');
    const eve = await connect('eve', { claims: { rooms: [] } });
    await eve.refuses('forbidden', () => eve.request('join', {}, { room: 'lounge' }));
    await bob.hearsNothing();
    const { data } = await bob.members('lounge');
    equal(data.members?.toSorted(), [bob.user, cat.user].sort(), 'members after a refused join');
    equal(data.count, 2, 'count after a refused join');
    await bob.chat('lounge', 'nobody else?');
    await cat.receives('chat');
    await eve.hearsNothing();
  }),
];
