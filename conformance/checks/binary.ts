import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Attempts, messagesRate } from './attempts.js';
import { reading } from './binary.reading.js';
import { bytesOf, inFragments, nextId, PNG, seenBy, shows, showsAcked } from './pictures.js';
import { longestAnswered } from './queues.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

// Payloads that are taken for something else, or lose something, where they are not left alone.
const delicate = (t: Stage): Record<string, Buffer> => ({
  'all 256 byte values': everyByte,
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xe2, 0x82]),
  'a message of its own form': bytesOf(t, { id: 'inner', payload: 'x' }),
  'JSON with spaces': Buffer.from(' { "type" : "chat",\r\n "n": 1.0 } \n'),
  'zero bytes at both ends': Buffer.from([0, 0, 1, 2, 3, 0, 0]),
  'a zero as text': Buffer.from('0'),
  'bytes that look like base64': Buffer.from('iVBORw0KGgo='),
});

const DESCRIPTORS = {
  content_type: 'image/png; name="dot"',
  name: '../Käse "dot" 👩‍👧.png',
  meta: { width: 1, alt: null, tags: ['a', []], ключ: { deep: -0.5 } },
};

// What a loose language takes for nothing, for a number, or for a list.
const LOOSE = {
  content_type: '0',
  name: '0',
  meta: { a: 0, b: false, c: null, d: '', e: [], f: {}, g: '1e3', h: { 0: 'x' } },
};

const named = ({ id, seq, from, timestamp }: Message) => ({ id, seq, from, timestamp });

/** The checks of spec/binary.md. */
export const binary = [
  check('binary-delivered-once-as-binary', async (t) => {
    const peers = await t.join('lounge', 'ann', 'ann', 'bob', 'bob');
    const [ann] = peers;
    await showsAcked(t, ann);
    const copies: object[] = [];
    for (const peer of peers) {
      await peer.fencedBy(ann, 'lounge');
      const { payload, ...event } = await seenBy(t, peer);
      copies.push(named(event));
      t.equal(payload.toString('hex'), PNG.toString('hex'), `the payload for ${peer.label}`);
      t.equal(
        peer.received('*', ({ type }) => type.includes('binary')).length,
        1,
        `the number of copies on each connection of ${peer.label}`,
      );
    }
    for (const copy of copies) t.equal(copy, copies[0], 'id, seq, from and timestamp of a copy');
  }),

  check('binary-payload-identical', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    for (const [what, payload] of Object.entries(delicate(t))) {
      await showsAcked(t, ann, { payload });
      const event = await seenBy(t, bob);
      t.equal(event.payload.toString('hex'), payload.toString('hex'), `the payload with ${what}`);
    }
  }),

  check(
    'binary-payload-identical',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const id = nextId();
      ann.expectReply(id, 'binary');
      inFragments(ann, bytesOf(t, { id, payload: everyByte }), 5);
      t.equal((await ann.reply(id, 'binary')).type, 'ack', 'the reply to five fragments');
      const { payload } = await seenBy(t, bob);
      t.equal(payload.toString('hex'), everyByte.toString('hex'), 'the payload of five fragments');
    },
    { variant: 'fragmented' },
  ),

  check('binary-header-stamped', async (t) => {
    const [ann, bob, cat] = await t.join('lounge', 'ann', 'bob', 'cat');
    const forged = { from: bob.user, seq: 1_000, timestamp: '2001-01-01T00:00:00.000Z' };
    const ids: unknown[] = [];
    // Two users count their requests alike: an event that wears its request's id is not unique.
    for (const peer of [ann, cat]) {
      const { data } = await showsAcked(t, peer, { ...forged, id: '1' });
      const event = await seenBy(t, bob);
      ids.push(event.id);
      t.equal(event.from, peer.user, `from of a binary message of ${peer.label}`);
      t.equal({ id: event.id, seq: event.seq }, { id: data.id, seq: data.seq }, 'id and seq');
      t.assert(event.timestamp !== forged.timestamp, {
        expected: "a timestamp of the server's",
        actual: "the timestamp is the sender's",
        hint: 'Write the header anew; a frame that is passed through passes forgeries through.',
      });
    }
    t.equal(new Set(ids).size, 2, 'the number of different ids of two events');
  }),

  check('binary-descriptors-relayed', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const long = 'é'.repeat(255);
    // As many characters, and twice as many UTF-16 units.
    const balloons = '\u{1f388}'.repeat(255);
    const given: [data: object | undefined, relayed: object][] = [
      [DESCRIPTORS, DESCRIPTORS],
      [{ name: 'dot.png', width: 5, replay: true }, { name: 'dot.png' }],
      [
        { content_type: long, name: balloons },
        { content_type: long, name: balloons },
      ],
      [{ meta: {} }, { meta: {} }],
      [LOOSE, LOOSE],
      [{}, {}],
      [undefined, {}],
    ];
    for (const [data, relayed] of given) {
      await showsAcked(t, ann, data === undefined ? {} : { data });
      const event = await seenBy(t, bob);
      t.equal(event.data, relayed, `data of an event whose sender gave ${JSON.stringify(data)}`);
      t.equal(event['width'], undefined, 'a member that is in no table');
    }
  }),

  check('binary-seq-shared-with-chat', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const acks = [
      await ann.chat('lounge', 'before'),
      await showsAcked(t, ann),
      await ann.chat('lounge', 'after'),
      await showsAcked(t, bob),
    ];
    t.equal(
      acks.map(({ data }) => data.seq),
      [1, 2, 3, 4],
      'the seq of chat, binary, chat and binary, by their acks',
    );
    const last = await bob.receives('*', ({ seq }) => seq === 4);
    t.equal(last.type, 'binary', 'the type of the event with the seq 4');
    const seqs = bob.received('*', ({ seq }) => seq !== undefined).map(({ seq }) => seq);
    t.equal(seqs, [1, 2, 3, 4], 'the seq of the four events');
  }),

  check('binary-reply-is-text', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    const replies = [
      await shows(t, ann),
      await shows(t, ann, { data: { name: '' } }),
      await shows(t, ann, { room: 'elsewhere' }),
    ];
    ann.sendBytes(Buffer.from([2, 0, 0]));
    replies.push(await ann.receives('error'));
    for (const { type, payload, data } of replies)
      t.assert(payload === undefined, {
        expected: 'every reply is a text message',
        actual: `${type} ${data.code ?? ''} came as a binary message`,
      });
  }),

  check('binary-ack-carries-id-and-seq', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    for (let i = 0; i < 2; i += 1) {
      const { data } = await showsAcked(t, ann);
      const { id, seq } = await seenBy(t, bob);
      t.equal({ id: data.id, seq: data.seq }, { id, seq }, 'what the ack says of the event');
    }
  }),

  ...(['chat', 'binary'] as const).map((last) =>
    check(
      'binary-counts-in-messages-bucket',
      async (t) => {
        const [ann] = await t.join('lounge', 'ann');
        const rate = messagesRate(t);
        const ask = {
          chat: () => ann.request('chat', { text: 'x' }, { room: 'lounge' }),
          binary: () => shows(t, ann, { payload: 'x' }),
        };
        const first = last === 'chat' ? 'binary' : 'chat';
        const tries = new Attempts(t, rate, ask[first]);
        await tries.burst(rate.limit);
        await tries.goOn(ask[last]).burst(1);
        tries.judge({
          lastIs: 'refused',
          hint: `A ${last} counts in the same bucket as a ${first}: ${rate.types.join(', ')}.`,
        });
      },
      { variant: `then-${last}` },
    ),
  ),

  check('binary-empty-payload-accepted', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    await showsAcked(t, ann, { payload: '' });
    t.equal((await seenBy(t, bob)).payload.length, 0, 'the length of the payload');
  }),

  check('binary-non-member-refused', async (t) => {
    const [bob] = await t.join('lounge', 'bob');
    const eve = await t.connect('eve');
    for (const room of ['lounge', 'empty'])
      await eve.refuses('not_in_room', () => shows(t, eve, { room }));
    await bob.hearsNothing();
    const { data } = await bob.chat('lounge', 'alone?');
    t.equal(data.seq, 1, 'the seq of the first accepted message');
    await bob.receives('chat');
    await eve.hearsNothing();
  }),

  check('binary-size-limit-enforced', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const most = longestAnswered(t);
    const picture = (id: string, length: number) => {
      const rest = bytesOf(t, { id, payload: '' }).length;
      return bytesOf(t, { id, payload: Buffer.alloc(length - rest, 0xa5) });
    };
    ann.sendBytes(picture('exact', most));
    t.equal((await ann.reply('exact', 'binary')).type, 'ack', `the reply to ${most} bytes`);
    await seenBy(t, bob);
    ann.sendBytes(picture('over', most + 1));
    await ann.closes(1009);
  }),

  check('binary-unsupported-answered', async (t) => {
    // A server that has the profile is started once more without it.
    const has = t.announces('binary');
    const at = has ? await t.launch({ PARLOR_FEATURES: 'operations' }, { shared: true }) : 0;
    const ann = await t.connect('ann', { at });
    const bob = await t.connect('bob', { at });
    if ((ann.welcome.data['features'] as string[]).includes('binary'))
      t.notExercised('the server announces binary also when it is asked not to');
    for (const peer of [ann, bob]) await peer.joins('lounge');
    await ann.receives('join');
    const chat = JSON.stringify({
      type: 'chat',
      id: 'hidden',
      room: t.room('lounge'),
      data: { text: 'x' },
    });
    for (const bytes of [bytesOf(t, { id: 'b' }), Buffer.from(chat), PNG, Buffer.alloc(0)]) {
      ann.sendBytes(bytes);
      const error = await ann.errs('unsupported');
      t.equal('ref' in error, false, 'whether the error has a ref');
    }
    await ann.chat('lounge', 'still here');
    t.equal((await bob.receives('chat')).data.text, 'still here', 'the first text that arrives');
    await bob.hearsNothing();
  }),

  check(
    'errors-invalid-payload',
    async (t) => {
      t.needs('binary');
      const [ann] = await t.join('lounge', 'ann');
      for (const [name, value] of [
        ['content_type', ''],
        ['content_type', 7],
        ['content_type', 'x'.repeat(256)],
        ['content_type', 0],
        ['name', false],
        ['meta', 0],
        ['meta', ''],
        ['name', ''],
        ['name', null],
        ['name', 'x'.repeat(256)],
        ['meta', []],
        ['meta', 'm'],
      ] as const)
        await ann.refuses('invalid_payload', () => shows(t, ann, { data: { [name]: value } }), {
          path: `/data/${name}`,
        });
    },
    { variant: 'binary' },
  ),

  ...reading,
];
