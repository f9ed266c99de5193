import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

const NUMBER =
  'Names are texts: compare them as such, take `0` for a name like any other, and print none as a number.';
const TABLE = 'A plain object as a table has members that nobody put there: use a map.';

// Users who are called so, whatever run it is: what they send has to be new in each. No two checks share one.
const named = (t: Stage, users: readonly string[]): Promise<Peer[]> =>
  Promise.all(users.map((sub) => t.connect(sub, { claims: { sub } })));

// Each of these users, in a room with the others, says something that all of them read.
async function speak(t: Stage, users: readonly string[], hint: string): Promise<Peer[]> {
  const peers = await named(t, users);
  for (const peer of peers) await peer.joins('lounge');
  for (const [i, peer] of peers.entries()) {
    const id = t.room(`c${i}`);
    const text = `from ${id}`;
    const reply = await peer.request('chat', { text }, { room: 'lounge', id });
    t.assert(reply.type === 'ack', {
      expected: `an ack of a chat of the user ${peer.verified}`,
      actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
      hint,
    });
    for (const each of peers) {
      const { from } = await each.receives('chat', { data: { text } });
      t.assert(from === peer.verified, {
        expected: `the chat of ${peer.verified} is from the text ${JSON.stringify(peer.verified)}`,
        actual: `it is from ${JSON.stringify(from)}`,
        hint,
      });
    }
  }
  return peers;
}

// What a user may do in a room that is called so, whatever run it is.
async function visits(t: Stage, peer: Peer, room: string, hint: string): Promise<void> {
  for (const [type, data] of [
    ['join', {}],
    ['chat', { text: 'is this a room?' }],
    ['leave', {}],
  ] as const) {
    const id = `${type}-${room}`;
    peer.sendJson({ type, id: t.room(id), room, data });
    const reply = await peer.reply(t.room(id), type);
    t.assert(reply.type === 'ack', {
      expected: `an ack of a ${type} with the room ${room}`,
      actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
      hint,
    });
  }
}

/** Checks of names that some languages take for something else, and that are legal all the same. */
export const names = [
  check(
    'rooms-names-any-legal',
    async (t) => {
      const ann = await t.connect('ann');
      for (const room of ['constructor', 'toString']) await visits(t, ann, room, TABLE);
    },
    { variant: 'named-like-members' },
  ),

  check(
    'chat-acked',
    async (t) => {
      await speak(t, ['constructor', 'toString', 'toLocaleString'], TABLE);
    },
    { variant: 'named-like-members' },
  ),

  check(
    'chat-acked',
    async (t) => {
      const [zero] = await speak(t, ['0', '10', '1e1'], NUMBER);
      if (zero) await visits(t, zero, '0', NUMBER);
    },
    { variant: 'named-like-numbers' },
  ),

  check(
    'typing-relayed',
    async (t) => {
      const pairs = [await t.join('lounge', 'ann', 'ANN'), await named(t, ['30', '3e1'])];
      for (const peer of pairs[1] ?? []) await peer.joins('lounge');
      for (const [typist, other] of pairs)
        if (typist && other) {
          await typist.typing('lounge');
          const about = { data: { active: true, user: typist.verified } };
          const told = await t.finds(() => other.receives('typing', about));
          t.assert(!told, {
            expected: `${other.verified} is told that ${typist.verified} types`,
            actual: 'no typing event came',
            hint: 'Leave out the connections of the one user, and of nobody whose name is like it: compare byte by byte.',
          });
        }
    },
    { variant: 'named-alike' },
  ),

  check(
    'direct-reaches-nobody-else',
    async (t) => {
      const ann = await t.connect('ann');
      const peers = await named(t, ['00', '20', '2e1', '020']);
      for (const { verified } of peers)
        await ann.acked('direct', { to: verified, text: `for ${verified}` });
      for (const peer of peers) {
        await ann.acked('direct', { to: peer.verified, text: 'the end' });
        await peer.receives('direct', { data: { text: 'the end' } });
        const texts = peer.received('direct', { from: ann.user }).map(({ data }) => data.text);
        t.assert(texts.length === 2 && texts[0] === `for ${peer.verified}`, {
          expected: `the user ${peer.verified} receives what is for ${peer.verified}`,
          actual: JSON.stringify(texts),
          hint: NUMBER,
        });
      }
    },
    { variant: 'named-like-numbers' },
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
