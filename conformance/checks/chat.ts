import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';

const seqs = (events: readonly Message[]) => events.map(({ seq }) => seq);
const texts = (events: readonly Message[]) => events.map(({ data }) => data.text);

// Sends chats one after the other without waiting for their acks.
const burst = (peer: Peer, room: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => peer.chat(room, `${peer.label} ${i}`)));

// Texts that servers like to trim, escape, normalise, cut or replace.
const delicate = {
  'two spellings of é': 'caf\u00e9 caf\u0065\u0301',
  'right to left': '\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627',
  'emoji with joiners': '\u{1f469}\u200d\u{1f469}\u200d\u{1f467} \u{1f3f3}\ufe0f\u200d\u{1f308}',
  'markup and quotes': '<script>alert("&amp;\'")</script> \\n \\u0041 %20 {{x}}',
  'line ends and separators': 'a\nb\r\nc\u2028d\u2029e\tf',
  'outer spaces': '  padded\u00a0 ',
  'what may be taken for a number': '1e3',
  'a leading U+FEFF, and noncharacters': '\ufeff \uffff \ufdd0 \u{10fffe}',
};

/** The checks of spec/chat.md. */
export const chat = [
  check('chat-acked', async ({ join, assert }) => {
    const [ann] = await join('lounge', 'ann');
    const { data } = await ann.chat('lounge', 'hello');
    assert(typeof data.id === 'string' && Number.isInteger(data.seq), {
      expected: 'the ack of a chat carries the id and the seq of its event',
      actual: `its data is ${JSON.stringify(data)}`,
    });
    // Not empty, whatever it looks like.
    for (const text of [' ', '0']) await ann.chat('lounge', text);
  }),

  check('chat-delivered-to-members', async ({ join }) => {
    const [laptop, ...others] = await join('lounge', 'ann', 'ann', 'bob', 'bob', 'cat');
    await laptop.chat('lounge', 'hello');
    for (const peer of others) await peer.receives('chat', { data: { text: 'hello' } });
  }),

  check(
    'chat-delivered-to-members',
    async ({ join }) => {
      const peers = await join('lounge', 'ann', 'ann', 'bob', 'bob', 'cat');
      peers[0].send('chat', { text: 'no reply, please' }, { room: 'lounge' });
      for (const peer of peers) await peer.receives('chat', { data: { text: 'no reply, please' } });
    },
    { variant: 'without-id' },
  ),

  check(
    'chat-delivered-to-members',
    async ({ join }) => {
      const [bob, ann, cat, dan, eve] = await join('lounge', 'bob', 'ann', 'cat', 'dan', 'eve');
      for (const peer of [ann, dan]) peer.terminate();
      // Whether the server has noticed or not: those who are there are sent to.
      for (let i = 0; i < 4; i += 1) await bob.chat('lounge', `hello ${i}`);
      for (const peer of [bob, cat, eve])
        for (let i = 0; i < 4; i += 1)
          await peer.receives('chat', { data: { text: `hello ${i}` } });
    },
    { variant: 'beside-the-dead' },
  ),

  check('chat-echoed-to-sender', async ({ join }) => {
    const [ann] = await join('lounge', 'ann', 'bob');
    const { data } = await ann.chat('lounge', 'hello');
    await ann.receives('chat', { id: data.id });
  }),

  check('chat-delivered-once', async ({ join, equal }) => {
    const peers = await join('lounge', 'ann', 'ann', 'bob', 'bob');
    await peers[0].chat('lounge', 'once');
    for (const peer of peers) {
      await peer.fencedBy(peers[0], 'lounge');
      const copies = peer.received('chat', { data: { text: 'once' } });
      equal(copies.length, 1, `the number of copies that a connection of ${peer.label} receives`);
    }
  }),

  check('chat-delivered-without-id', async ({ join }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    ann.send('chat', { text: 'no reply, please' }, { room: 'lounge' });
    for (const peer of [ann, bob])
      await peer.receives('chat', { data: { text: 'no reply, please' } });
  }),

  check('chat-copies-identical', async ({ join, equal }) => {
    const [ann, ...others] = await join('lounge', 'ann', 'ann', 'bob', 'cat');
    for (const text of ['first', 'second', 'third']) {
      await ann.chat('lounge', text);
      const original = await ann.receives('chat', { data: { text } });
      for (const peer of others)
        equal(await peer.receives('chat', { data: { text } }), original, `${peer.label}'s copy`);
    }
  }),

  check('chat-ack-matches-event', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    for (const text of ['first', 'second']) {
      const { data } = await ann.chat('lounge', text);
      const event = await bob.receives('chat', { data: { text } });
      equal({ id: data.id, seq: data.seq }, { id: event.id, seq: event.seq }, 'what the ack says');
    }
  }),

  check('chat-from-verified', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.chat('lounge', 'mine');
    equal((await bob.receives('chat')).from, ann.user, 'from');
    await ann.acked('chat', { text: 'forged', user: bob.user }, { room: 'lounge', from: bob.user });
    equal((await bob.receives('chat')).from, ann.user, "from of a message that claims to be bob's");
    // As it stands in the token, not trimmed and not composed.
    const [rene] = await join('lounge', '  Rene\u0301 "<&\\');
    await rene.chat('lounge', 'mine');
    equal((await bob.receives('chat')).from, rene.user, 'from of a user with a name of that kind');
  }),

  check('chat-text-exact', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    for (const [what, text] of Object.entries(delicate)) {
      await ann.chat('lounge', text);
      equal((await bob.receives('chat')).data.text, text, `the text with ${what}`);
    }
  }),

  check('chat-ids-unique', async ({ join, welcome, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.joins('hall');
    const acks: Message[] = [];
    for (const [i, room] of ['lounge', 'hall'].entries())
      acks.push(await ann.chat(room, 'same text', { id: `${i}` }));
    acks.push(await bob.chat('lounge', 'same text', { id: '0' }));
    acks.push(...(await burst(bob, 'lounge', 8)));
    if (welcome.features.includes('direct'))
      acks.push(await ann.acked('direct', { to: bob.user, text: 'same text' }, { id: '2' }));
    const ids = acks.map(({ data }) => data.id);
    equal(new Set(ids).size, ids.length, `the number of different ids among ${ids.join(', ')}`);
  }),

  check('chat-seq-increments', async ({ join, connect, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    await ann.chat('lounge', 'one');
    await ann.joins('hall');
    await ann.chat('hall', 'in another room');
    await ann.refuses('invalid_payload', () =>
      ann.request('chat', { text: '' }, { room: 'lounge' }),
    );
    await ann.chat('lounge', 'two');
    await ann.typing('lounge');
    const cat = await connect('cat');
    await cat.refuses('not_in_room', () => cat.request('chat', { text: 'x' }, { room: 'lounge' }));
    await cat.joins('lounge');
    await cat.leaves('lounge');
    await bob.chat('lounge', 'three');
    await bob.receives('chat', { data: { text: 'three' } });
    equal(
      seqs(bob.received('chat', { room: 'lounge' })),
      [1, 2, 3],
      'the seq of three events with other things between',
    );
  }),

  check('chat-order-shared', async ({ join, equal }) => {
    const peers = await join('lounge', 'ann', 'bob', 'cat', 'cat');
    const acks = (
      await Promise.all(peers.slice(0, 3).map((peer) => burst(peer, 'lounge', 5)))
    ).flat();
    const last = Math.max(...acks.map(({ data }) => data.seq ?? 0));
    for (const peer of peers) await peer.receives('chat', { seq: last });
    for (const peer of peers) {
      const own = peer.received('chat');
      const ordered = own.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
      equal(texts(own), texts(ordered), `the order in which ${peer.label} receives, by seq`);
    }
  }),

  check('chat-sender-order', async ({ join, equal }) => {
    const [ann, bob] = await join('lounge', 'ann', 'bob');
    // Long and short in turn: work that grows with the length overtakes.
    const sent = Array.from({ length: 8 }, (_, i) => `${i} ${'x'.repeat(i % 2 === 0 ? 1_000 : 1)}`);
    for (const text of sent) ann.send('chat', { text }, { room: 'lounge' });
    for (const text of sent) await bob.receives('chat', { data: { text } });
    const bySeq = bob.received('chat').toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
    equal(texts(bySeq), sent, 'the texts of one connection, by seq');
  }),
];
