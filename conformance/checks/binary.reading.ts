import { check } from '#conformance/harness/check.js';
import { buildBinary, type Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { takesTwice } from './messages.js';
import { bytesOf, nextId, seenBy, shows, showsAcked } from './pictures.js';
import { queueHolds } from './queues.js';

const LONGEST_HEADER = 16_384;

// A prefix that claims what it likes, and what follows it.
function framed(version: number, length: number, ...rest: (Uint8Array | string)[]): Buffer {
  const prefix = Buffer.from([version, length >> 8, length & 0xff]);
  return Buffer.concat([prefix, ...rest.map((each) => Buffer.from(each as Uint8Array))]);
}

const withHeader = (header: Uint8Array | string, payload = 'x') =>
  framed(1, Buffer.byteLength(header as string), header, payload);

const isReply = ({ type }: Message) => type !== 'join' && type !== 'leave';

/**
 * Sends binary messages one by one, each of which has to be answered with an error and not to be delivered; on a new
 * connection when the budget nears its end.
 */
async function refused(
  t: Stage,
  messages: Readonly<Record<string, (t: Stage) => Buffer>>,
  code: string,
  look: (error: Message, what: string) => void = (error) =>
    t.equal('ref' in error, false, 'whether the error has a ref'),
): Promise<void> {
  const [bob] = await t.join('lounge', 'bob');
  const most = Math.max(1, t.welcome.limits.max_protocol_errors - 1);
  let ann: Peer | undefined;
  for (const [index, [what, make]] of Object.entries(messages).entries()) {
    if (index % most === 0) {
      // Another user: one may have few connections at once.
      ann = await t.connect(`ann${index}`);
      await ann.joins('lounge');
    }
    t.note(what);
    ann?.sendBytes(make(t));
    const reply = await ann?.receives('*', isReply);
    if (ann && reply) look(ann.isError(reply, code), what);
  }
  // The connection is kept, and nobody has heard of any of it.
  await ann?.chat('lounge', 'what counts');
  const heard = await bob.receives('*', ({ type }) => type !== 'join');
  t.equal(heard.data.text, 'what counts', 'the first text that the other member receives');
}

const header = (t: Stage, length: number, filler: string, id = nextId()) => {
  const make = (fill: string) =>
    JSON.stringify({ type: 'binary', id, room: t.room('lounge'), data: { meta: { fill } } });
  const size = Buffer.byteLength(filler);
  const room = length - Buffer.byteLength(make(''));
  return {
    id,
    text: make(
      filler
        .repeat(Math.floor(room / size))
        .padEnd(Math.floor(room / size) * filler.length + (room % size), '-'),
    ),
  };
};

function fits(t: Stage, length: number): void {
  const { max_message_bytes: most } = t.welcome.limits;
  if (length > most) t.notExercised(`${length} bytes are more than max_message_bytes, ${most}`);
  if (!queueHolds(t, length)) t.notExercised(`${length} bytes do not fit into max_queue_bytes`);
}

// What some decoders take for UTF-8.
const BROKEN = {
  'a surrogate in UTF-8': Buffer.from([0xed, 0xa0, 0x80]),
  'an overlong form': Buffer.from([0xc1, 0xa1]),
  'a code point beyond U+10FFFF': Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  'a tab as it is': Buffer.from([9]),
};
// What some readers take for JSON.
const LENIENT = ['NaN', '01', '"x",', '"x"/**/', "'x'"];

/** A header whose name is spelt by hand. */
function around(t: Stage, before: string, name: Uint8Array | string, after: string): Buffer {
  const [head = '', tail = ''] = JSON.stringify({
    type: 'binary',
    room: t.room('lounge'),
    data: { name: '|' },
  }).split('"|"');
  return Buffer.concat(
    [head, before, name, after, tail].map((each) => Buffer.from(each as string)),
  );
}

// Each is one byte in a header, and more where a careful writer escapes it or writes a number out.
const growing: readonly [variant: string, meta: (bytes: number) => object][] = [
  ['escaped-for-html', (bytes) => ({ fill: '<'.repeat(bytes) })],
  ['control', (bytes) => ({ fill: '\u007f'.repeat(bytes) })],
  ['large-numbers', (bytes) => ({ fill: Array(Math.floor(bytes / 5)).fill('1e20') })],
];

/** The checks of spec/binary.md that are about taking a binary message apart. */
export const reading = [
  check('binary-too-short-refused', (t) =>
    refused(
      t,
      {
        'no byte': () => Buffer.alloc(0),
        'one byte': () => Buffer.from([1]),
        'two bytes': () => Buffer.from([1, 0]),
      },
      'invalid_envelope',
    ),
  ),

  check('binary-unknown-version-refused', (t) =>
    refused(
      t,
      {
        'version 0': () => Buffer.from(bytesOf(t, {})).fill(0, 0, 1),
        'version 2': () => Buffer.from(bytesOf(t, {})).fill(2, 0, 1),
        'version 17': () => Buffer.from(bytesOf(t, {})).fill(0x11, 0, 1),
        'version 129': () => Buffer.from(bytesOf(t, {})).fill(0x81, 0, 1),
        'version 255': () => Buffer.from(bytesOf(t, {})).fill(255, 0, 1),
        'JSON and nothing else': () =>
          Buffer.from(
            JSON.stringify({ type: 'chat', room: t.room('lounge'), data: { text: 'in binary' } }),
          ),
        'a header and nothing else': () => bytesOf(t, { payload: '' }).subarray(3),
      },
      'invalid_envelope',
    ),
  ),

  check('binary-header-length-refused', (t) =>
    refused(
      t,
      {
        'one byte too long': () => {
          const bytes = bytesOf(t, { payload: '' });
          bytes.writeUInt16BE(bytes.length - 3 + 1, 1);
          return bytes;
        },
        'one byte too long, by a payload': () => {
          const bytes = bytesOf(t, { payload: ' ' });
          bytes.writeUInt16BE(bytes.length - 3 + 1, 1);
          return bytes;
        },
        '16,384 in a short message': () => {
          const bytes = bytesOf(t, {});
          bytes.writeUInt16BE(LONGEST_HEADER, 1);
          return bytes;
        },
        'the header alone is missing': () => framed(1, 1),
        // As 16 bits with a sign these are negative.
        '32,768 in a short message': () => framed(1, 0x8000, '{}'),
        '65,535 in a short message': () => framed(1, 0xffff, '{}'),
        'little-endian': () => {
          const bytes = bytesOf(t, {});
          bytes.writeUInt16LE(bytes.readUInt16BE(1), 1);
          return bytes;
        },
      },
      'invalid_envelope',
    ),
  ),

  check(
    'binary-header-length-refused',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      await showsAcked(t, ann, { payload: '' });
      await seenBy(t, bob);
      // As a byte with a sign the last of these is negative, and 256 has no lower byte.
      for (const length of [255, 256, 257]) {
        const { id, text } = header(t, length, 'x');
        ann.sendBytes(withHeader(text, 'behind it'));
        const reply = await ann.reply(id, 'binary');
        t.equal(reply.type, 'ack', `the reply to a header of ${length} bytes`);
        const { payload } = await seenBy(t, bob);
        t.equal(payload.toString(), 'behind it', `the payload behind a header of ${length} bytes`);
      }
    },
    { variant: 'exact' },
  ),

  check('binary-header-limit-enforced', async (t) => {
    fits(t, LONGEST_HEADER + 5);
    await refused(
      t,
      { 'a header of 16,385 bytes': () => withHeader(header(t, LONGEST_HEADER + 1, 'x').text) },
      'invalid_envelope',
    );
  }),

  ...[
    ['exact', 'x'],
    // The server may escape each of these characters in six bytes.
    ['exact-beyond-ascii', 'é'],
  ].map(([variant = '', filler = '']) =>
    check(
      'binary-header-limit-enforced',
      async (t) => {
        fits(t, LONGEST_HEADER + 4);
        const [ann, bob] = await t.join('lounge', 'ann', 'bob');
        const { id, text } = header(t, LONGEST_HEADER, filler);
        ann.sendBytes(withHeader(text));
        const reply = await ann.reply(id, 'binary');
        t.equal(reply.type, 'ack', 'the reply to a header of exactly 16,384 bytes');
        const event = await seenBy(t, bob);
        t.equal(event.data, JSON.parse(text).data, 'data of the event');
        t.equal(event.payload.toString(), 'x', 'the payload behind so long a header');
      },
      { variant },
    ),
  ),

  ...growing.map(([variant, meta]) =>
    check(
      'binary-header-limit-enforced',
      async (t) => {
        fits(t, LONGEST_HEADER + 4);
        const [ann, bob] = await t.join('lounge', 'ann', 'bob');
        const id = nextId();
        const head = { type: 'binary', id, room: t.room('lounge'), data: { meta: {} } };
        const free = LONGEST_HEADER - buildBinary(head, Buffer.alloc(0)).length - 20;
        const text = JSON.stringify({ ...head, data: { meta: meta(free) } }).replaceAll(
          '"1e20"',
          '1e20',
        );
        ann.sendBytes(withHeader(text));
        const reply = await ann.reply(id, 'binary');
        if (reply.type === 'ack') {
          const event = await seenBy(t, bob);
          t.equal(event.data, JSON.parse(text).data, 'data of the event');
          t.equal(event.payload.toString(), 'x', 'the payload behind so long a header');
        } else ann.isError(reply, 'invalid_payload', { path: '/data/meta' });
        await ann.chat('lounge', 'what counts');
        await bob.receives('chat');
        await bob.hearsNothing();
      },
      { variant },
    ),
  ),

  check('binary-header-not-json-refused', (t) =>
    refused(
      t,
      {
        'no header': () => framed(1, 0, 'payload'),
        'no header and no payload': () => framed(1, 0),
        'no JSON': () => withHeader('type=binary'),
        'JSON that is cut off': () => withHeader('{"type":"binary"'),
        'JSON and a brace': () => withHeader(`{"type":"binary","room":"${t.room('lounge')}"}}`),
        'a name that is not UTF-8': () => {
          const [before = '', after = ''] = JSON.stringify({
            type: 'binary',
            room: t.room('lounge'),
            data: { name: '|' },
          }).split('|');
          return withHeader(
            Buffer.concat([Buffer.from(before), Buffer.from([0xe9]), Buffer.from(after)]),
          );
        },
        ...Object.fromEntries(
          Object.entries(BROKEN).map(([what, bytes]) => [
            what,
            () => withHeader(around(t, '"', bytes, '"')),
          ]),
        ),
        ...Object.fromEntries(
          LENIENT.map((name) => [`the name ${name}`, () => withHeader(around(t, '', name, ''))]),
        ),
        'a header in UTF-16': () => withHeader(Buffer.from('{"type":"binary"}', 'utf16le')),
      },
      'invalid_json',
    ),
  ),

  check(
    'errors-lone-surrogate-not-relayed',
    async (t) => {
      t.needs('binary');
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      ann.sendBytes(withHeader(around(t, '"', 'a\\ud800b', '"')));
      await ann.chat('lounge', 'what counts');
      const heard = await bob.receives('*', ({ type }) => type !== 'join');
      const { name } = heard.data as { name?: unknown };
      t.assert(heard.type === 'chat' || name === 'a\ufffdb', {
        expected: 'no unpaired surrogate in a header, but U+FFFD in its place, or a refusal',
        actual: `the name ${JSON.stringify(name)} arrived`,
        hint: 'Read the header of a binary message as strictly as a text message.',
      });
    },
    { variant: 'binary' },
  ),

  check('binary-header-type-refused', (t) => {
    const room = t.room('lounge');
    const of = (members: object) => () =>
      withHeader(JSON.stringify({ id: 'mine', room, ...members }));
    return refused(
      t,
      {
        chat: of({ type: 'chat', data: { text: 'in binary' } }),
        typing: of({ type: 'typing', data: { active: true } }),
        'x.upload': of({ type: 'x.upload' }),
        'no type': of({}),
        'a number as type': of({ type: 1 }),
        'an array': () => withHeader('[{"type":"binary"}]'),
        'a string': () => withHeader('"binary"'),
      },
      'invalid_envelope',
      (error, what) => {
        const object = !what.startsWith('a') || what.endsWith('type');
        t.equal(error.ref, object ? 'mine' : undefined, `ref of the error to a header of ${what}`);
      },
    );
  }),

  check(
    'messages-duplicate-names-last',
    async (t) => {
      t.needs('binary');
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const data = '{"name":"first","content_type":"image/png","name":"last"}';
      ann.sendBytes(
        withHeader(`{"type":"binary","id":"twice","room":"${t.room('lounge')}","data":${data}}`),
      );
      if (!(await takesTwice(ann))) return;
      const { name } = (await seenBy(t, bob)).data;
      t.equal(name, 'last', 'the name of a binary message whose header has two members `name`');
    },
    { variant: 'binary' },
  ),

  check('binary-in-text-frame-refused', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    for (const data of [{}, { content_type: 'image/png', payload: 'iVBORw0KGgo=' }])
      await ann.refuses('invalid_envelope', () => ann.request('binary', data, { room: 'lounge' }));
    await shows(t, ann);
    t.equal((await seenBy(t, bob)).seq, 1, 'the seq of the first accepted message');
    await bob.hearsNothing();
  }),
];
