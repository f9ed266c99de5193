import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

const TABLE = 'A plain object as a table has members that nobody put there: use a map.';

// Users who are called so, whatever run it is: what they send has to be new in each. No two checks share one.
const named = (t: Stage, users: readonly string[]): Promise<Peer[]> =>
  Promise.all(users.map((sub) => t.connect(sub, { claims: { sub } })));

/** Checks of names that every object of some languages has as members, and that are legal all the same. */
export const names = [
  check(
    'rooms-names-any-legal',
    async (t) => {
      const ann = await t.connect('ann');
      for (const room of ['constructor', 'toString']) {
        for (const [type, data] of [
          ['join', {}],
          ['chat', { text: 'is this a room?' }],
          ['leave', {}],
        ] as const) {
          const id = `${type}-${room}`;
          ann.sendJson({ type, id, room, data });
          const reply = await ann.reply(id, type);
          t.assert(reply.type === 'ack', {
            expected: `an ack of a ${type} with the room ${room}`,
            actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
            hint: TABLE,
          });
        }
      }
    },
    { variant: 'named-like-members' },
  ),

  check(
    'chat-acked',
    async (t) => {
      const peers = await named(t, ['constructor', 'toString', 'toLocaleString']);
      for (const peer of peers) await peer.joins('lounge');
      for (const [i, peer] of peers.entries()) {
        const id = t.room(`c${i}`);
        const text = `from ${id}`;
        const reply = await peer.request('chat', { text }, { room: 'lounge', id });
        t.assert(reply.type === 'ack', {
          expected: `an ack of a chat of the user ${peer.verified}`,
          actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
          hint: TABLE,
        });
        for (const each of peers)
          await each.receives('chat', { from: peer.verified, data: { text } });
      }
    },
    { variant: 'named-like-members' },
  ),

  check(
    'rooms-members-complete',
    async (t) => {
      const users = ['valueOf', '__proto__'];
      const [first, second] = await named(t, users);
      await first?.joins('lounge');
      const ack = await second?.joins('lounge');
      t.equal(ack?.data.members?.toSorted(), users.toSorted(), 'members in the ack of join');
    },
    { variant: 'named-like-members' },
  ),
];
