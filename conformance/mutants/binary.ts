import { isUtf8 } from 'node:buffer';
import { refuse } from '#server/errors.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Effect, Gate } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { inRooms, tampered, ungated } from './tampering.js';

const wrong =
  (change: (right: Parts['binary']) => Partial<Parts['binary']>): Mutant['parts'] =>
  ({ binary }) => ({ binary: change(binary) });

/** The payload changed on its way out. */
const payload = (change: (payload: Buffer) => Uint8Array) =>
  wrong(({ write }) => ({ write: (header, bytes) => write(header, change(Buffer.from(bytes))) }));

/** What is relayed of the header's `data`, changed. */
const relayed = (
  change: (
    right: Readonly<Record<string, unknown>>,
    sent: Readonly<Record<string, unknown>>,
  ) => object,
) =>
  wrong(({ relayed: right }) => ({
    relayed: (request) => ({ ...change(right(request), request.data) }),
  }));

/** Binary events sent to other connections than the room's members. */
const sentTo = (audience: (members: Connection[], from: string) => Iterable<Connection>) =>
  inRooms(() => ({
    audience: (_core, { members }, { message }) =>
      message.type === 'binary' ? audience([...members], message.from ?? '') : 'members',
  }));

/** The event, with something of what the sender's header said put into it. */
const stamped =
  (take: (header: Readonly<Record<string, unknown>>) => object): Mutant['parts'] =>
  ({ chat }) => ({
    chat: {
      event(core, connection, incoming, data) {
        const event = chat.event(core, connection, incoming, data);
        if (event.type !== 'binary') return event;
        return { ...event, ...take(incoming.value as Readonly<Record<string, unknown>>) };
      },
    },
  });

/** Another way of taking a binary message apart, tried before the right one; null: the right one decides. */
const reads = (read: (bytes: Buffer) => { header: Uint8Array; payload: Buffer } | null) =>
  wrong(({ read: right }) => ({
    read(core, bytes) {
      const found = read(bytes);
      if (!found) return right(core, bytes);
      const reading = core.parts.messages.parse(Buffer.from(found.header).toString());
      return 'code' in reading ? reading : { ...reading, payload: found.payload };
    },
  }));

const split = (bytes: Buffer, end: number) => ({
  header: bytes.subarray(3, end),
  payload: bytes.subarray(end),
});

/** A gate that does something of its own with some messages; null: the right one decides. */
const gated =
  (name: keyof Parts['gates'], own: Gate): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      [name]: (...all: Parameters<Gate>) => own(...all) ?? gates[name](...all),
    },
  });

const asBinary = (effects: readonly Effect[]): Effect[] =>
  effects.map((effect) =>
    effect.do === 'send' ? { ...effect, payload: Buffer.alloc(0) } : effect,
  );

const closes =
  (code: number, reason = ''): Gate =>
  (core, _connection, { binary }) =>
    binary && !core.config.features.has('binary')
      ? [{ do: 'close', closing: { code, reason } }]
      : null;

const delivery: readonly Mutant[] = [
  mutant(
    'binary-delivered-once-as-binary',
    'binary-as-text',
    'A binary message is delivered as text, its payload in base64.',
    ({ messages }) => ({
      messages: {
        encode: (core, message, bytes) =>
          messages.encode(
            core,
            bytes
              ? {
                  ...message,
                  data: { ...message.data, payload: Buffer.from(bytes).toString('base64') },
                }
              : message,
            undefined,
          ),
      },
    }),
  ),
  mutant(
    'binary-delivered-once-as-binary',
    'binary-doubled',
    'Each member gets a binary message twice.',
    sentTo((members) => [...members, ...members]),
  ),
  mutant(
    'binary-delivered-once-as-binary',
    'binary-to-others-only',
    'Who sends a binary message does not get it.',
    sentTo((members, from) => members.filter(({ grant }) => grant.user !== from)),
  ),
  mutant(
    'binary-delivered-once-as-binary',
    'binary-to-newest-tab',
    "Only a user's newest connection gets binary messages.",
    sentTo((members) => new Map(members.map((each) => [each.grant.user, each])).values()),
  ),
  mutant(
    'binary-delivered-once-as-binary',
    'binary-id-per-copy',
    'Each copy of a binary message has an id of its own.',
    inRooms(() => ({
      audience(core, { members }, { message, payload: bytes }) {
        if (message.type !== 'binary') return 'members';
        for (const member of members)
          member.link.send(
            core.parts.messages.encode(core, { ...message, id: core.newId() }, bytes),
          );
        return [];
      },
    })),
  ),
  mutant(
    'binary-payload-identical',
    'payload-decoded-as-utf8',
    'The payload becomes a string and bytes again.',
    payload((bytes) => Buffer.from(bytes.toString())),
  ),
  mutant(
    'binary-payload-identical',
    'payload-written-as-latin1',
    'The broker carries strings: bytes above 127 become two.',
    payload((bytes) => Buffer.from(bytes.toString('latin1'))),
  ),
  mutant(
    'binary-payload-identical',
    'payload-ends-at-zero',
    'A zero byte ends the payload.',
    payload((bytes) => bytes.subarray(0, bytes.includes(0) ? bytes.indexOf(0) : undefined)),
  ),
  mutant(
    'binary-payload-identical',
    'json-payload-rewritten',
    'A payload that is JSON is written anew.',
    payload((bytes) => {
      try {
        return Buffer.from(JSON.stringify(JSON.parse(bytes.toString())));
      } catch {
        return bytes;
      }
    }),
  ),
  mutant(
    'binary-payload-identical',
    'payload-of-zero-lost',
    'A payload that is the text 0 counts as none.',
    payload((bytes) => (bytes.toString() === '0' ? Buffer.of() : bytes)),
  ),
  mutant(
    'binary-payload-identical',
    'base64-payload-decoded',
    'A payload that looks like base64 is decoded.',
    payload((bytes) =>
      /^[A-Za-z0-9+/]{8,}={1,2}$/.test(bytes.toString('latin1'))
        ? Buffer.from(bytes.toString(), 'base64')
        : bytes,
    ),
  ),
  mutant(
    'binary-header-stamped',
    'header-passed-through',
    "The sender's header is relayed, and what it lacks is added.",
    ({ messages }) => {
      let header: Readonly<Record<string, unknown>> = {};
      return {
        messages: {
          identify(value, request) {
            messages.identify(value, request);
            header = value as Readonly<Record<string, unknown>>;
          },
          write: (message) =>
            messages.write(message.type === 'binary' ? { ...message, ...header } : message),
        },
      };
    },
  ),
  mutant(
    'binary-header-stamped',
    'binary-from-as-claimed',
    'Who a binary message is from is what its header says.',
    stamped(({ from }) => (typeof from === 'string' ? { from } : {})),
  ),
  mutant(
    'binary-header-stamped',
    'binary-timestamp-as-claimed',
    'When a binary message was sent is what its header says.',
    stamped(({ timestamp }) => (typeof timestamp === 'string' ? { timestamp } : {})),
  ),
  mutant(
    'binary-header-stamped',
    'binary-id-of-request',
    "A binary event wears its request's id.",
    stamped(({ id }) => (typeof id === 'string' ? { id } : {})),
  ),
  mutant(
    'binary-header-stamped',
    'header-length-of-sender',
    'The header is written anew, and its length is not.',
    ({ binary }) => {
      let came = 0;
      return {
        binary: {
          read(core, bytes) {
            came = bytes.length > 2 ? bytes.readUInt16BE(1) : 0;
            return binary.read(core, bytes);
          },
          write(header, bytes) {
            const [prefix, ...rest] = binary.write(header, bytes);
            const old = Buffer.from(prefix ?? []);
            old.writeUInt16BE(came, 1);
            return [old, ...rest];
          },
        },
      };
    },
  ),
  mutant(
    'binary-descriptors-relayed',
    'header-length-in-characters',
    'The length of the header is counted in characters.',
    wrong(({ write }) => ({
      write(header, bytes) {
        const { length } = header.toString();
        return [...write(Buffer.alloc(length), Buffer.of()).slice(0, 1), header, bytes];
      },
    })),
  ),
  mutant(
    'binary-descriptors-relayed',
    'name-not-relayed',
    'The name of the file is lost.',
    relayed(({ name: _, ...data }) => data),
  ),
  mutant(
    'binary-descriptors-relayed',
    'name-without-folders',
    'The name is cut down to its last part.',
    relayed(({ name, ...data }) =>
      name === undefined ? data : { ...data, name: String(name).split('/').at(-1) },
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'name-of-zero-lost',
    'A name or content type that is the text 0 counts as absent.',
    relayed((data) =>
      Object.fromEntries(Object.entries(data).filter(([, value]) => value !== '0')),
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'meta-without-falsy-members',
    'Members of meta that a loose language takes for nothing are dropped.',
    relayed(({ meta, ...data }) =>
      meta === undefined
        ? data
        : {
            ...data,
            meta: Object.fromEntries(
              Object.entries(meta as object).filter(([, value]) => value === null || value),
            ),
          },
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'content-type-filled-in',
    'An absent content type becomes application/octet-stream.',
    relayed((data) => ({ content_type: 'application/octet-stream', ...data })),
  ),
  mutant(
    'binary-descriptors-relayed',
    'content-type-without-parameters',
    'The content type loses its parameters.',
    relayed(({ content_type, ...data }) =>
      content_type === undefined
        ? data
        : { ...data, content_type: String(content_type).split(';')[0] },
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'unknown-descriptors-relayed',
    'Whatever stands in data is relayed.',
    relayed((_data, { replay: _, ...sent }) => sent),
  ),
  mutant(
    'binary-descriptors-relayed',
    'meta-without-nulls',
    'Members of meta that are null are dropped.',
    relayed(({ meta, ...data }) =>
      meta === undefined
        ? data
        : {
            ...data,
            meta: Object.fromEntries(
              Object.entries(meta as object).filter(([, it]) => it !== null),
            ),
          },
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'data-required',
    'A header without data is refused.',
    gated('payload', (core, connection, { request, at, value }) =>
      request.type === 'binary' && (value as { data?: unknown }).data === undefined
        ? refuse(core, connection, request, at, 'invalid_payload', 'No data.', { path: '/data' })
        : null,
    ),
  ),
  mutant(
    'binary-descriptors-relayed',
    'descriptors-limited-in-utf-16',
    'Names are measured in UTF-16 units.',
    gated('payload', (core, connection, { request, at }) =>
      String(request.data['name'] ?? '').length > 255
        ? refuse(core, connection, request, at, 'invalid_payload', 'Long.', { path: '/data/name' })
        : null,
    ),
  ),
  mutant(
    'messages-duplicate-names-last',
    'first-of-two-names-in-header',
    'Of two members with one name in the header of a binary message the first counts.',
    reads((bytes) => {
      if (bytes.length < 3) return null;
      const { header, payload } = split(bytes, 3 + bytes.readUInt16BE(1));
      const text = header.toString().replace(/("name":"[^"]*")(,.*?),"name":"[^"]*"/, '$1$2');
      return { header: Buffer.from(text), payload };
    }),
  ),
  mutant(
    'binary-descriptors-relayed',
    'descriptors-limited-in-bytes',
    'Names are measured in bytes.',
    gated('payload', (core, connection, { request, at }) =>
      Buffer.byteLength(String(request.data['name'] ?? '')) > 255
        ? refuse(core, connection, request, at, 'invalid_payload', 'Long.', { path: '/data/name' })
        : null,
    ),
  ),
  mutant(
    'binary-seq-shared-with-chat',
    'binary-counted-apart',
    'Binary messages have a sequence of their own.',
    ({ chat, messages }) => {
      let own = 0;
      return {
        chat: {
          ack: (event, seq) => chat.ack(event, event.type === 'binary' ? own : seq),
        },
        messages: {
          write(message) {
            if (message.type !== 'binary') return messages.write(message);
            own += 1;
            return messages.write({ ...message, seq: own });
          },
        },
      };
    },
  ),
  mutant(
    'binary-seq-shared-with-chat',
    'binary-takes-no-number',
    'A binary message wears the number of the chat before it.',
    ({ chat }) => ({
      steps: {
        binary(core, connection, incoming) {
          const data = core.parts.binary.relayed(incoming.request);
          const event = { ...chat.event(core, connection, incoming, data), seq: 1 };
          const room = core.rooms.get(event.room ?? '');
          const frame = core.parts.messages.encode(core, event, incoming.request.payload);
          for (const member of room?.members ?? []) member.link.send(frame);
          const reply = core.parts.messages.reply(
            incoming.request,
            'ack',
            chat.ack(event, 1),
            incoming.at,
          );
          return reply ? [{ do: 'send', message: reply }] : [];
        },
      },
    }),
  ),
  mutant(
    'binary-reply-is-text',
    'ack-as-binary',
    'The ack of a binary message comes as a binary message.',
    tampered('binary', asBinary),
  ),
  mutant(
    'binary-reply-is-text',
    'errors-as-binary',
    'Errors of binary messages come as binary messages.',
    ({ gates }) => ({
      gates: {
        json(core, connection, incoming) {
          const refusal = gates.json(core, connection, incoming);
          return refusal instanceof Promise || !refusal || !incoming.binary
            ? refusal
            : asBinary(refusal);
        },
      },
    }),
  ),
  mutant(
    'binary-ack-carries-id-and-seq',
    'binary-ack-without-data',
    'The ack of a binary message says nothing of the event.',
    ({ chat }) => ({
      chat: { ack: (event, seq) => (event.type === 'binary' ? {} : chat.ack(event, seq)) },
    }),
  ),
  mutant(
    'binary-ack-carries-id-and-seq',
    'binary-ack-one-behind',
    'The ack of a binary message carries the seq of the event before it.',
    ({ chat }) => ({
      chat: {
        ack: (event, seq) => chat.ack(event, event.type === 'binary' && seq > 1 ? seq - 1 : seq),
      },
    }),
  ),
  mutant(
    'binary-counts-in-messages-bucket',
    'binary-not-counted',
    'Binary messages are not counted.',
    ({ rates }) => ({
      rates: { bucket: (type, all) => (type === 'binary' ? undefined : rates.bucket(type, all)) },
    }),
  ),
  mutant(
    'binary-counts-in-messages-bucket',
    'binary-bucket-apart',
    'Binary messages are counted in a bucket of their own.',
    ({ rates }) => ({
      rates: {
        bucket(type, all) {
          const rate = rates.bucket(type, all);
          return rate && type === 'binary' ? { ...rate, bucket: 'binary' } : rate;
        },
      },
    }),
  ),
  mutant(
    'binary-empty-payload-accepted',
    'empty-payload-refused',
    'A binary message has to have a payload.',
    wrong(({ read }) => ({
      read(core, bytes) {
        const reading = read(core, bytes);
        return 'payload' in reading && reading.payload?.length === 0
          ? { code: 'invalid_envelope', message: 'The payload is empty.' }
          : reading;
      },
    })),
  ),
  mutant(
    'binary-empty-payload-accepted',
    'empty-payload-dropped',
    'A binary message without a payload is acknowledged and not delivered.',
    inRooms(() => ({
      audience: (_core, _room, { message, payload: bytes }) =>
        message.type === 'binary' && bytes?.length === 0 ? [] : 'members',
    })),
  ),
  mutant(
    'binary-non-member-refused',
    'binary-without-membership',
    'A binary message is taken from whoever sends it.',
    ungated('membership', 'binary'),
  ),
  mutant(
    'binary-size-limit-enforced',
    'payload-counted-alone',
    'Only the payload counts towards the limit.',
    ({ limits }) => ({
      limits: { messageBytes: (config) => limits.messageBytes(config) + 1_024 },
    }),
  ),
  mutant(
    'binary-size-limit-enforced',
    'prefix-not-allowed-for',
    'A binary message may be three bytes shorter than announced.',
    gated('json', (core, connection, { request, at, binary, bytes }) =>
      binary && bytes.length > core.config.limits.max_message_bytes - 3
        ? refuse(core, connection, request, at, 'invalid_envelope', 'Too long.')
        : null,
    ),
  ),
  mutant(
    'binary-size-limit-enforced',
    'oversize-binary-refused',
    'A binary message that is too long is answered with an error.',
    (parts) => ({
      limits: { messageBytes: () => 16 * 1024 * 1024 },
      ...gated('json', (core, connection, { request, at, binary, bytes }) =>
        binary && bytes.length > core.config.limits.max_message_bytes
          ? refuse(core, connection, request, at, 'invalid_payload', 'Too long.', { path: '/data' })
          : null,
      )(parts),
    }),
  ),
];

const reading: readonly Mutant[] = [
  mutant(
    'binary-too-short-refused',
    'short-binary-throws',
    'A message that ends in its prefix is read past its end.',
    reads((bytes) => split(bytes, 3 + bytes.readUInt16BE(1))),
  ),
  mutant(
    'binary-too-short-refused',
    'short-binary-ends-connection',
    'An exception that nobody handles closes the connection with 1011.',
    gated('json', (_core, _connection, { binary, bytes }) =>
      binary && bytes.length < 3
        ? [{ do: 'close', closing: { code: 1011, reason: 'internal_error' } }]
        : null,
    ),
  ),
  mutant(
    'binary-too-short-refused',
    'empty-binary-ignored',
    'An empty binary message is passed over.',
    gated('json', (_core, _connection, { binary, bytes }) =>
      binary && bytes.length === 0 ? [] : null,
    ),
  ),
  mutant(
    'binary-unknown-version-refused',
    'version-not-read',
    'The first byte is not looked at.',
    wrong(({ read }) => ({
      read: (core, bytes) => read(core, Buffer.concat([Buffer.of(1), bytes.subarray(1)])),
    })),
  ),
  mutant(
    'binary-unknown-version-refused',
    'version-masked',
    'Only the lower four bits of the first byte are looked at.',
    wrong(({ read }) => ({
      read: (core, bytes) =>
        read(core, Buffer.concat([Buffer.of((bytes[0] ?? 0) & 15), bytes.subarray(1)])),
    })),
  ),
  mutant(
    'binary-unknown-version-refused',
    'newer-versions-only-refused',
    'Versions below 1 are taken for 1.',
    wrong(({ read }) => ({
      read: (core, bytes) =>
        read(core, bytes[0] === 0 ? Buffer.concat([Buffer.of(1), bytes.subarray(1)]) : bytes),
    })),
  ),
  mutant(
    'binary-unknown-version-refused',
    'plain-json-taken',
    'JSON in a binary message is taken for a text message.',
    (parts) => ({
      ...reads((bytes) => (bytes[0] === 0x7b ? { header: bytes, payload: Buffer.of() } : null))(
        parts,
      ),
    }),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-trusted',
    'A header that ends behind the message is cut off there.',
    reads((bytes) => {
      const end = bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : 0;
      return bytes[0] === 1 && end > bytes.length && end <= 16_387 ? split(bytes, end) : null;
    }),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-with-sign',
    'The length of the header is read as a number with a sign.',
    reads((bytes) =>
      bytes[0] === 1 && bytes.length > 2 && bytes.readInt16BE(1) < 0
        ? { header: Buffer.of(), payload: bytes.subarray(3) }
        : null,
    ),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-of-signed-bytes',
    'The lower byte of the length of the header is read as one with a sign.',
    reads((bytes) => {
      const high = bytes[0] === 1 && bytes.length > 2 ? bytes.readUInt8(1) : 0;
      const length = (high << 8) | (high === 0 && bytes.length > 2 ? bytes.readInt8(2) : 0);
      return length < 0 ? { header: Buffer.of(), payload: bytes } : null;
    }),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-without-lower-byte',
    'A header whose length has no lower byte is taken for none.',
    reads((bytes) =>
      bytes[0] === 1 && (bytes[1] ?? 0) > 0 && bytes[2] === 0
        ? { header: Buffer.of(), payload: bytes }
        : null,
    ),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-off-by-one',
    'A header that ends exactly with the message is refused.',
    wrong(({ read }) => ({
      read: (core, bytes) =>
        bytes.length > 2 && 3 + bytes.readUInt16BE(1) === bytes.length
          ? { code: 'invalid_envelope', message: 'The header is longer than the message.' }
          : read(core, bytes),
    })),
  ),
  mutant(
    'binary-header-length-refused',
    'header-length-invalid-json',
    'A header that is cut off is only seen to be no JSON.',
    reads((bytes) => {
      const end = bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : 0;
      return bytes[0] === 1 && end > bytes.length && end <= 16_387
        ? { header: Buffer.from('{'), payload: Buffer.of() }
        : null;
    }),
  ),
  mutant(
    'binary-header-limit-enforced',
    'header-unlimited',
    'A header may be as long as its length can say.',
    reads((bytes) => {
      const end = bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : 0;
      return bytes[0] === 1 && end > 3 + 16_384 && end <= bytes.length ? split(bytes, end) : null;
    }),
  ),
  mutant(
    'binary-header-limit-enforced',
    'header-limit-excludes-its-value',
    'A header of 16,384 bytes is refused.',
    wrong(({ read }) => ({
      read: (core, bytes) =>
        bytes.length > 2 && bytes.readUInt16BE(1) >= 16_384
          ? { code: 'invalid_envelope', message: 'The header is too long.' }
          : read(core, bytes),
    })),
  ),
  mutant(
    'binary-header-limit-enforced',
    'written-length-wraps',
    'A header that is longer than 65,535 bytes once it is written anew begins to count from 0.',
    ({ chat }) => ({
      binary: {
        write(header, bytes) {
          const escaped = Buffer.from(
            header
              .toString()
              .replace(
                /[^ -;=-~]/g,
                (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`,
              ),
          );
          return [
            Buffer.of(1, (escaped.length >> 8) & 0xff, escaped.length & 0xff),
            escaped,
            bytes,
          ];
        },
      },
      steps: {
        binary: (core, connection, incoming) =>
          chat.publish(
            core,
            connection,
            incoming,
            chat.event(core, connection, incoming, core.parts.binary.relayed(incoming.request)),
          ),
      },
    }),
  ),
  ...(
    [
      [
        'header-of-lenient-utf-8',
        'A header may hold surrogates in UTF-8.',
        (bytes) => Buffer.from(bytes).toString('latin1').replace('\u00ed\u00a0\u0080', '\\ufffd'),
      ],
      [
        'header-of-lenient-json',
        'The JSON of a header may hold NaN.',
        (bytes) => Buffer.from(bytes).toString().replace('NaN', 'null'),
      ],
      [
        'header-with-trailing-commas',
        'The JSON of a header may have a comma before the closing brace.',
        (bytes) => Buffer.from(bytes).toString().replace(',}', '}'),
      ],
    ] as [string, string, (header: Uint8Array) => string][]
  ).map(([name, fault, change]) =>
    mutant(
      'binary-header-not-json-refused',
      name,
      fault,
      reads((bytes) => {
        const end = bytes[0] === 1 && bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : Number.NaN;
        if (!(end <= bytes.length && end > 3)) return null;
        const { header, payload } = split(bytes, end);
        const changed = change(header);
        return changed === header.toString() && isUtf8(header)
          ? null
          : { header: Buffer.from(changed), payload };
      }),
    ),
  ),
  mutant(
    'errors-lone-surrogate-not-relayed',
    'surrogates-in-headers-become-question-marks',
    'An unpaired surrogate in a header becomes a question mark.',
    reads((bytes) => {
      const end = bytes[0] === 1 && bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : 0;
      const { header, payload } = split(bytes, end);
      const changed = header.toString().replace(/\\ud800/i, '?');
      return changed === header.toString() ? null : { header: Buffer.from(changed), payload };
    }),
  ),
  mutant(
    'binary-header-not-json-refused',
    'bad-header-closes-1007',
    'A header that is not UTF-8 closes the connection with 1007.',
    ({ gates, binary }) => ({
      gates: {
        json(core, connection, incoming) {
          const reading = incoming.binary ? binary.read(core, incoming.bytes) : null;
          return reading && 'code' in reading && reading.message.includes('UTF-8')
            ? [{ do: 'close', closing: { code: 1007, reason: '' } }]
            : gates.json(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'binary-header-not-json-refused',
    'bad-header-replaced',
    'Bytes of the header that are not UTF-8 become U+FFFD.',
    reads((bytes) => {
      const end = bytes.length > 2 ? 3 + bytes.readUInt16BE(1) : 0;
      return bytes[0] === 1 && end > 3 && end <= bytes.length ? split(bytes, end) : null;
    }),
  ),
  mutant(
    'binary-header-not-json-refused',
    'empty-header-is-object',
    'No header is taken for an empty object.',
    reads((bytes) =>
      bytes[0] === 1 && bytes[1] === 0 && bytes[2] === 0
        ? { header: Buffer.from('{}'), payload: bytes.subarray(3) }
        : null,
    ),
  ),
  mutant(
    'binary-header-not-json-refused',
    'bad-header-invalid-envelope',
    'A header that is no JSON is an invalid envelope.',
    wrong(({ read }) => ({
      read(core, bytes) {
        const reading = read(core, bytes);
        return 'code' in reading ? { ...reading, code: 'invalid_envelope' } : reading;
      },
    })),
  ),
  mutant(
    'binary-header-type-refused',
    'any-type-in-binary',
    'Whatever type comes in a binary message is carried out.',
    wrong(({ fits }) => ({ fits: (type, binary) => binary || fits(type, binary) })),
  ),
  mutant(
    'binary-header-type-refused',
    'other-types-unknown',
    'Another type in a binary message is an unknown type.',
    gated('envelope', (core, connection, { request, at, binary }) =>
      binary && request.type !== 'binary' && request.type !== ''
        ? refuse(core, connection, request, at, 'unknown_type', 'No such type.')
        : null,
    ),
  ),
  mutant(
    'binary-header-type-refused',
    'other-types-without-ref',
    'The error to another type in a binary message has no ref.',
    gated('envelope', (core, connection, { request, at, binary }) =>
      binary && request.type !== 'binary'
        ? refuse(
            core,
            connection,
            { ...request, id: undefined },
            at,
            'invalid_envelope',
            'Another type.',
          )
        : null,
    ),
  ),
  mutant(
    'binary-in-text-frame-refused',
    'binary-in-text-carried-out',
    'A text message of type binary is carried out, with no payload.',
    wrong(() => ({ fits: (type, binary) => !binary || type === 'binary' })),
  ),
  mutant(
    'binary-in-text-frame-refused',
    'binary-in-text-unknown',
    'A text message of type binary is an unknown type.',
    gated('envelope', (core, connection, { request, at, binary }) =>
      !binary && request.type === 'binary'
        ? refuse(core, connection, request, at, 'unknown_type', 'No such type.')
        : null,
    ),
  ),
  mutant(
    'errors-invalid-payload',
    'falsy-descriptors-are-absent',
    'A name, content type or meta of 0 or false counts as absent.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'binary' &&
          Object.values(request.data).some((it) => it === 0 || it === false)
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'errors-invalid-payload',
    'descriptors-not-validated',
    "A binary message's content type and name may be anything.",
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.type === 'binary' && request.room !== undefined
            ? null
            : messages.payload(request, core),
      },
    }),
  ),
];

const unannounced: readonly Mutant[] = [
  mutant(
    'binary-unsupported-answered',
    'binary-closes-1003',
    'A server that takes no binary messages closes with 1003.',
    gated('json', closes(1003)),
  ),
  mutant(
    'binary-unsupported-answered',
    'binary-breaks-receive-text',
    'A binary message ends the task that reads text.',
    gated('json', closes(1011, 'internal_error')),
  ),
  mutant(
    'binary-unsupported-answered',
    'binary-passed-over',
    'A server that takes no binary messages passes over them.',
    gated('json', (core, _connection, { binary }) =>
      binary && !core.config.features.has('binary') ? [] : null,
    ),
  ),
  mutant(
    'binary-unsupported-answered',
    'binary-read-as-text',
    'A binary message is decoded and read as if it were text.',
    ({ gates }) => ({
      gates: {
        json: (core, connection, incoming) =>
          gates.json(
            core,
            connection,
            Object.assign(incoming, {
              binary: incoming.binary && core.config.features.has('binary'),
            }),
          ),
      },
    }),
  ),
];

/** Faults of the chapter `binary`. */
export const binary: readonly Mutant[] = [...delivery, ...reading, ...unannounced];
