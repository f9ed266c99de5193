import { check } from '#conformance/harness/check.js';
import { opcodes } from '#conformance/harness/frames.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Changes } from '#conformance/harness/tokens.js';
import { Violation } from '#conformance/harness/verdict.js';
import { fillConnections, fillRooms } from './capacity.js';
import { longestAnswered } from './queues.js';
import { interjected } from './transport.messages.js';

const FREED =
  'The end of a connection that was refused lowered the count: take off the count only what was entered into it.';

const TOO_BIG =
  'Set the library to the announced max_message_bytes; by its default another number is in force.';

// A ping, filled up to exactly so many bytes: its data comes back.
function ping(bytes: number, id = 'big'): string {
  const empty = JSON.stringify({ type: 'ping', id, data: { fill: '' } });
  return `${empty.slice(0, -3)}${'x'.repeat(bytes - empty.length)}"}}`;
}

function inFragments(peer: Peer, text: string, size: number): void {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size)
    peer.sendFrame({
      opcode: from === 0 ? opcodes.text : opcodes.continuation,
      payload: bytes.subarray(from, from + size),
      fin: from + size >= bytes.length,
    });
}

const text = (unit: string, bytes: number): string => {
  const size = Buffer.byteLength(unit);
  return unit
    .repeat(Math.floor(bytes / size))
    .padEnd(Math.floor(bytes / size) * unit.length + (bytes % size), 'a');
};

// Fewer characters and UTF-16 units than the limit, more bytes.
const euros = (t: Stage): string => '€'.repeat(Math.floor(t.welcome.limits.max_text_bytes / 3) + 1);

// Bytes of a text that fences.
const FENCE = 40;

// Types of other profiles that have a text, and how one is sent that nobody is to receive.
const OTHERS: Readonly<Record<string, { data: (t: Stage) => object; claims: Changes }>> = {
  direct: { data: (t) => ({ to: t.user('bob') }), claims: {} },
  broadcast: { data: () => ({}), claims: { scope: 'parlor:broadcast' } },
};

async function refusesOther(t: Stage, type: string, content: string): Promise<void> {
  t.needs(type);
  const { data, claims } = OTHERS[type] as (typeof OTHERS)[string];
  const ann = await t.connect('ann', { claims });
  await t.connect('bob');
  await ann.refuses('invalid_payload', () => ann.request(type, { ...data(t), text: content }), {
    path: '/data/text',
  });
}

async function refusesText(t: Stage, content: string): Promise<void> {
  const [ann, bob] = await t.join('lounge', 'ann', 'bob');
  await ann?.refuses(
    'invalid_payload',
    () => ann.request('chat', { text: content }, { room: 'lounge' }),
    {
      path: '/data/text',
    },
  );
  if (t.welcome.limits.max_text_bytes < FENCE) return;
  if (ann) await bob?.fencedBy(ann, 'lounge');
  t.equal(
    bob?.received('chat').length,
    1,
    'the number of chats that the other member received, the next one included,',
  );
}

/** The checks of spec/limits.md. */
export const limits = [
  interjected,
  check('limits-message-exact-accepted', async (t) => {
    const most = longestAnswered(t);
    const ann = await t.connect('ann');
    ann.sendText(ping(most));
    await ann.receives('pong', { ref: 'big' });
  }),

  check('limits-message-over-closed', async ({ connect, welcome }) => {
    const ann = await connect('ann');
    ann.sendText(ping(welcome.limits.max_message_bytes + 1));
    await ann.closes(1009);
  }),

  check(
    'limits-message-over-closed',
    async ({ connect, welcome }) => {
      const ann = await connect('ann');
      ann.sendFrame({
        opcode: opcodes.binary,
        payload: Buffer.alloc(welcome.limits.max_message_bytes + 1, 1),
      });
      await ann.closes(1009);
    },
    { variant: 'binary' },
  ),

  // The ping is as long as the lower half of the length says, and the message longer than any limit.
  check(
    'limits-message-over-closed',
    async (t) => {
      const ann = await t.connect('ann');
      const head = Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0, 0]);
      const body = ping(100).padEnd(t.welcome.limits.max_message_bytes + 1);
      ann.write(Buffer.concat([head, Buffer.from(body)]));
      const close = await ann.ends();
      const ponged = ann.received('pong').length > 0;
      t.assert(close.by === 'frame' && close.code === 1009 && !ponged, {
        expected: 'a message of 4,294,967,396 bytes by its header closes the connection with 1009',
        actual: `${ponged ? 'its first 100 bytes were answered, then: ' : ''}${close.detail}`,
        hint: 'The long form of the length has 64 bits: compare all of them with the limit, and do not keep them in 32.',
      });
    },
    { variant: 'length-64-bits' },
  ),

  check('limits-message-fragments-counted', async ({ connect, welcome }) => {
    const ann = await connect('ann');
    const { max_message_bytes: most } = welcome.limits;
    inFragments(ann, ping(most + 1), Math.ceil(most / 4));
    await ann.closes(1009);
  }),

  check(
    'limits-message-fragments-counted',
    async (t) => {
      const most = longestAnswered(t);
      const ann = await t.connect('ann');
      inFragments(ann, ping(most), Math.ceil(most / 4));
      await ann.receives('pong', { ref: 'big' });
    },
    { variant: 'exact' },
  ),

  check('limits-message-inflated-counted', async ({ connect, welcome, notExercised }) => {
    const ann = await connect('ann', { extensions: 'permessage-deflate' });
    if (!ann.response.headers['sec-websocket-extensions'])
      notExercised('the server does not negotiate permessage-deflate');
    ann.sendCompressed(ping(welcome.limits.max_message_bytes + 1));
    await ann.closes(1009);
  }),

  check('limits-message-size-before-json', async ({ connect, welcome, assert }) => {
    const ann = await connect('ann');
    ann.sendText('{'.padEnd(welcome.limits.max_message_bytes + 1, 'x'));
    await ann.ends();
    const [error] = ann.received('error');
    assert(error === undefined, {
      expected: 'a message over max_message_bytes closes the connection, with no error before',
      actual: `it was answered with ${error?.data.code}`,
      hint: TOO_BIG,
    });
  }),

  ...Object.entries({
    overlong: [0xc0, 0xaf],
    surrogate: [0xed, 0xa0, 0x80],
    'above-10ffff': [0xf4, 0x90, 0x80, 0x80],
    truncated: [0xe2, 0x82],
  }).map(([variant, bytes]) =>
    check(
      'limits-utf8-closed',
      async ({ connect }) => {
        const ann = await connect('ann');
        const head = Buffer.from('{"type":"ping","data":{"x":"');
        const tail = Buffer.from(variant === 'truncated' ? '' : '"}}');
        ann.sendFrame({
          opcode: opcodes.text,
          payload: Buffer.concat([head, Buffer.from(bytes), tail]),
        });
        await ann.closes(1007);
      },
      { variant },
    ),
  ),

  check('limits-message-holds-text', async ({ welcome, assert }) => {
    const { max_message_bytes, max_text_bytes } = welcome.limits;
    assert(max_message_bytes >= max_text_bytes + 1_024, {
      expected: `max_message_bytes is at least max_text_bytes + 1,024 = ${max_text_bytes + 1_024}`,
      actual: `it is ${max_message_bytes}`,
    });
  }),

  check('limits-queue-holds-message', async ({ welcome, assert }) => {
    const { max_queue_bytes, max_message_bytes } = welcome.limits;
    assert(max_queue_bytes >= max_message_bytes + 1_024, {
      expected: `max_queue_bytes is at least max_message_bytes + 1,024 = ${max_message_bytes + 1_024}`,
      actual: `it is ${max_queue_bytes}`,
    });
  }),

  ...Object.entries({ ascii: 'a', emoji: '🎈', euro: '€' }).map(([variant, unit]) =>
    check(
      'limits-text-exact-accepted',
      async (t) => {
        const [ann] = await t.join('lounge', 'ann');
        const content = text(unit, t.welcome.limits.max_text_bytes);
        await ann?.chat('lounge', content);
        await ann?.receives('chat', { data: { text: content } });
      },
      { variant },
    ),
  ),

  check('limits-text-over-refused', (t) =>
    refusesText(t, 'a'.repeat(t.welcome.limits.max_text_bytes + 1)),
  ),

  check(
    'limits-text-over-refused',
    (t) => refusesOther(t, 'broadcast', 'a'.repeat(t.welcome.limits.max_text_bytes + 1)),
    { variant: 'broadcast', alone: 'apart' },
  ),

  check('limits-text-over-limit-named', async (t) => {
    const { max_text_bytes: limit } = t.welcome.limits;
    const [ann] = await t.join('lounge', 'ann');
    await ann?.refuses(
      'invalid_payload',
      () => ann.request('chat', { text: 'a'.repeat(limit + 1) }, { room: 'lounge' }),
      { limit },
    );
  }),

  check('limits-text-bytes-counted', (t) => refusesText(t, euros(t))),

  ...(['direct', 'broadcast'] as const).map((type) =>
    check(
      'limits-text-bytes-counted',
      (t) => refusesOther(t, type, euros(t)),
      // A server that accepts the text tells everybody.
      type === 'broadcast' ? { variant: type, alone: 'apart' } : { variant: type },
    ),
  ),

  // Escapes are resolved before the bytes are counted: each of these is six bytes on the wire and two in the text.
  check(
    'limits-text-bytes-counted',
    async (t) => {
      const { max_text_bytes, max_message_bytes } = t.welcome.limits;
      const count = Math.floor(Math.min(max_text_bytes / 2, (max_message_bytes - 512) / 6));
      if (count === 0) return t.notExercised(`\`max_text_bytes\` is ${max_text_bytes}`);
      const [ann] = await t.join('lounge', 'ann');
      ann?.sendText(
        `{"type":"chat","id":"escaped","room":${JSON.stringify(t.room('lounge'))},"data":{"text":"${'\\u00e9'.repeat(count)}"}}`,
      );
      const reply = await ann?.reply('escaped', 'chat');
      t.equal(
        reply?.type,
        'ack',
        `the reply to a text of ${count * 2} bytes that is spelt in escapes`,
      );
    },
    { variant: 'escapes' },
  ),

  check('limits-text-empty-refused', (t) => refusesText(t, '')),

  check('limits-rooms-reached', async (t) => {
    await fillRooms(t);
  }),

  check('limits-rooms-over-refused', async (t) => {
    const ann = await fillRooms(t);
    await ann.refuses('too_many_rooms', () => ann.request('join', {}, { room: 'one-more' }));
    await ann.chat('room-0', 'still here');
    await ann.refuses('not_in_room', () =>
      ann.request('chat', { text: 'x' }, { room: 'one-more' }),
    );
    // To leave a room that one is not in frees no place.
    await ann.request('leave', {}, { room: 'one-more' });
    const reply = await ann.request('join', {}, { room: 'one-more' });
    t.assert(reply.type === 'error' && reply.data.code === 'too_many_rooms', {
      expected: `too_many_rooms, also after a leave of a room that the connection was not in`,
      actual: `${reply.type} ${reply.data.code ?? ''}`,
      hint: 'Lower the count only where a membership ends, or take the size of the set of rooms.',
    });
  }),

  check('limits-rooms-freed', async (t) => {
    const ann = await fillRooms(t);
    await ann.leaves('room-0');
    await ann.joins('one-more');
  }),

  check('limits-rooms-rejoin-free', async (t) => {
    const ann = await fillRooms(t);
    await ann.joins('room-0');
  }),

  check('limits-connections-reached', async (t) => {
    const all = await fillConnections(t, 'ann');
    for (const each of all) await each.staysOpen();
  }),

  check('limits-connections-over-closed', async (t) => {
    await fillConnections(t, 'ann');
    // A refused one must not take a place, nor free one that it never had.
    for (const label of ['one too many', 'one too many, again', 'one too many, once more']) {
      const extra = await t.open({ token: t.mint('ann'), subprotocols: ['parlor.v1'], label });
      const hint = label === 'one too many' ? undefined : FREED;
      await extra.closes(4005, 'connection_limit', 0, hint);
      t.equal(
        extra.received().map(({ type }) => type),
        [],
        'the messages before the close',
      );
    }
  }),

  check('limits-connections-earlier-kept', async (t) => {
    const all = await fillConnections(t, 'ann');
    const extra = await t.open({
      token: t.mint('ann'),
      subprotocols: ['parlor.v1'],
      label: 'one too many',
    });
    await extra.ends();
    for (const each of all) await each.staysOpen();
  }),

  ...Object.entries({
    closed: (peer: Peer) => peer.close(1000),
    lost: (peer: Peer) => peer.terminate(),
  }).map(([variant, end]) =>
    check(
      'limits-connections-freed',
      async (t) => {
        const [first] = await fillConnections(t, 'ann');
        if (!first) return;
        end(first);
        await first.ends();
        // The server may need up to a second to notice.
        await t.pause(1_000);
        await t.connect('ann');
      },
      { variant, timers: true, takes: () => 1_000 },
    ),
  ),

  check('limits-connections-per-user', async (t) => {
    await fillConnections(t, 'ann');
    await t.connect('bob');
  }),

  check(
    'limits-connections-per-user',
    async (t) => {
      await fillConnections(t, 'ann');
      await t.connect('ANN').catch((error: unknown) => {
        if (!(error instanceof Violation)) throw error;
        t.fail({
          expected: `${t.user('ANN')} is welcomed, whose name differs from that of a user with all connections only in case`,
          actual: error.actual,
          hint: 'Two names that differ in case are two users: compare them byte by byte.',
        });
      });
    },
    { variant: 'case' },
  ),
];
