import { binaryFrame } from '#server/frames.js';
import type { MessagesParts } from '#server/messages.js';
import type { Parts } from '#server/parts.js';
import { perform } from '#server/perform.js';
import type { Connection, Outgoing, Request } from '#server/state.js';
import { rooms } from './messages.rooms.js';
import { type Mutant, type MutantOptions, mutant } from './mutant.js';

/** A client's message with all its members, also those that the protocol ignores. */
type Raw = Readonly<Record<string, unknown>>;

const wrong =
  (change: (right: MessagesParts) => Partial<MessagesParts>): Mutant['parts'] =>
  ({ messages }) => ({ messages: change(messages) });

/** Accepted requests are remembered under what becomes of their ids. */
const remembering = (change: (id: string) => string): MutantOptions => ({
  broker: (right) => ({
    publish: ({ once, ...rest }) =>
      right.publish({ ...rest, once: once && { ...once, id: change(once.id) } }),
    recall: (user, id, at) => right.recall(user, change(id), at),
    remember: (once, data, at) => right.remember({ ...once, id: change(once.id) }, data, at),
  }),
});

/** Every message that leaves, changed. */
const written = (change: (message: Outgoing) => object | string) =>
  wrong(({ write }) => ({
    write(message) {
      const changed = change(message);
      return typeof changed === 'string' ? changed : write(changed as Outgoing);
    },
  }));

/** Every reply, changed; null: it is not sent. */
const replied = (change: (reply: Outgoing, request: Request) => Outgoing | null) =>
  wrong(({ reply }) => ({
    reply(request, type, data, at) {
      const right = reply(request, type, data, at);
      return right && change(right, request);
    },
  }));

/** The chat event, with something of what the client said put into it. */
const stamped =
  (take: (raw: Raw, event: Outgoing) => object): Mutant['parts'] =>
  ({ chat }) => ({
    chat: {
      event(core, connection, incoming, data) {
        const event = chat.event(core, connection, incoming, data);
        return { ...event, ...take(incoming.value as Raw, event) };
      },
    },
  });

/** A step that answers its request a second time, or somewhere else. */
const also =
  (
    what: (
      core: Parameters<Parts['steps'][string]>[0],
      connection: Connection,
      request: Request,
    ) => void,
  ): Mutant['parts'] =>
  ({ steps }) => ({
    steps: Object.fromEntries(
      Object.entries(steps).map(([type, step]) => [
        type,
        (core, connection, incoming) => {
          what(core, connection, incoming.request);
          return step(core, connection, incoming);
        },
      ]),
    ),
  });

const printed = (value: unknown, digits: number): unknown =>
  JSON.parse(JSON.stringify(value), (_name, each: unknown) =>
    typeof each === 'number' ? Number(each.toPrecision(digits)) : each,
  );

// Every value of JSON within a value, changed.
const each = (value: unknown, change: (value: unknown) => unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_name, inner: unknown) => change(inner));

const looseMeta: readonly [name: string, fault: string, change: (value: unknown) => unknown][] = [
  [
    'meta-falsy-becomes-null',
    'What a loose language takes for nothing becomes null.',
    (value) => value || null,
  ],
  [
    'meta-numeric-text-becomes-number',
    'Texts that look like numbers become numbers.',
    (value) => (typeof value === 'string' && /^\d[\de.]*$/.test(value) ? Number(value) : value),
  ],
  [
    'meta-digits-become-list',
    'An object whose members are 0, 1 and so on becomes a list.',
    (value) => {
      const names = Object.keys(value && typeof value === 'object' ? value : {});
      return names.length > 0 && names.every((name, i) => name === `${i}`)
        ? Object.values(value as object)
        : value;
    },
  ],
  [
    'meta-integers-of-64-bits',
    'Integers wrap around at 64 bits.',
    (value) =>
      Number.isInteger(value) && Math.abs(value as number) < 1e21
        ? Number(BigInt.asIntN(64, BigInt(value as number)))
        : value,
  ],
  [
    'meta-large-integers-as-text',
    'Integers of more than 64 bits become text.',
    (value) =>
      typeof value === 'number' && value >= 2 ** 64 && value < 1e25 ? String(value) : value,
  ],
];

const relays =
  (data: (request: Request) => object): Mutant['parts'] =>
  () => ({
    chat: { relayed: (request) => ({ ...data(request) }) },
  });

/** A message refused for something that ought to be ignored. */
const refuses = (flaw: (value: Raw) => string | null) =>
  wrong(({ envelope }) => ({ envelope: (value) => envelope(value) ?? flaw(value as Raw) }));

const unidentified = wrong(({ identify, envelope }) => ({
  identify(value, request) {
    if (envelope(value) === null) identify(value, request);
  },
}));

/** Faults of the chapter `messages`. */
export const messages: readonly Mutant[] = [
  ...rooms,
  mutant(
    'messages-json-object',
    'two-objects-in-a-frame',
    'A line feed and a second object follow each acknowledgement.',
    written((message) => (message.type === 'ack' ? `${JSON.stringify(message)}\n{}` : message)),
  ),
  mutant(
    'messages-schema-valid',
    'debugging-aid-left-in',
    'Each message wears the name of the process.',
    written((message) => ({ ...message, server: 'worker-3' })),
  ),
  mutant('messages-schema-valid', 'count-as-text', '`count` is sent as a string.', ({ rooms }) => ({
    rooms: {
      joinAck(joined) {
        const ack = rooms.joinAck(joined);
        return { ...ack, count: String(ack['count']) };
      },
    },
  })),
  mutant(
    'messages-type-announced',
    'gap-unannounced',
    'A type of a profile that is not announced is sent.',
    (parts) => ({
      handshake: {
        welcome(core, connection) {
          const {
            resume: _,
            dedup_window_ms: __,
            ...data
          } = parts.handshake.welcome(core, connection);
          return {
            ...data,
            features: data.features.filter((each) => each !== 'resume' && each !== 'direct'),
          };
        },
      },
      ...also((_core, connection, request) => {
        if (request.type !== 'members') return;
        const event = {
          type: 'direct',
          id: 'e1',
          from: 'nobody',
          timestamp: '2030-01-01T00:00:00.000Z',
          data: { to: connection.grant.user, text: 'psst' },
        };
        connection.link.send(parts.messages.encode({ parts } as never, event, undefined));
      })(parts),
    }),
  ),
  mutant(
    'messages-timestamp-form',
    'timestamp-without-milliseconds',
    'Timestamps have no milliseconds.',
    written((message) => ({ ...message, timestamp: message.timestamp.replace(/\.\d+Z$/, 'Z') })),
  ),
  mutant(
    'messages-timestamp-form',
    'timestamp-with-offset',
    'Timestamps end with +00:00 in place of Z.',
    written((message) => ({ ...message, timestamp: message.timestamp.replace('Z', '+00:00') })),
  ),
  mutant(
    'messages-no-binary-unannounced',
    'text-sent-as-binary',
    'Messages leave as binary frames.',
    wrong(({ write }) => ({
      encode: (_core, message) => binaryFrame([Buffer.from(write(message))]),
    })),
  ),
  mutant(
    'messages-events-without-ref',
    'event-wears-the-requests-id',
    'The event keeps the `ref` of the request that caused it.',
    stamped(({ id }) => (id === undefined ? {} : { ref: id })),
  ),
  mutant(
    'messages-one-reply',
    'chat-acked-twice',
    'A chat is acknowledged by the handler and by the framework.',
    ({ steps }) => ({
      steps: {
        members: (core, connection, incoming) => {
          const effects = steps['members']?.(core, connection, incoming) ?? [];
          return Array.isArray(effects) ? [...effects, ...effects] : effects;
        },
      },
    }),
  ),
  mutant(
    'messages-one-reply',
    'leave-of-a-stranger-unanswered',
    'A leave of a room that one is not in gets no reply.',
    ({ steps }) => ({
      steps: {
        leave: (core, connection, incoming) =>
          connection.rooms.has(incoming.request.room ?? '')
            ? (steps['leave']?.(core, connection, incoming) ?? [])
            : [],
      },
    }),
  ),
  mutant(
    'messages-one-reply',
    'malformed-answered-without-ref',
    'The error to a malformed envelope names neither the request nor its room.',
    unidentified,
  ),
  mutant(
    'messages-room-on-replies',
    'malformed-answered-without-room',
    'The error to a malformed envelope names neither the request nor its room.',
    unidentified,
  ),
  mutant(
    'messages-repeated-id-answered',
    'repeated-id-swallowed',
    'A second request with the same id is taken for a repetition.',
    () => {
      const seen = new WeakMap<Connection, Set<string>>();
      return {
        steps: {
          ping(core, connection, { request, at }) {
            const ids = seen.get(connection) ?? new Set();
            seen.set(connection, ids);
            if (request.id !== undefined && ids.has(request.id)) return [];
            ids.add(request.id ?? '');
            const message = core.parts.messages.reply(request, 'pong', request.data, at);
            return message ? [{ do: 'send', message }] : [];
          },
        },
      };
    },
  ),
  mutant(
    'messages-no-ack-without-id',
    'ack-without-id',
    'Messages without an id are acknowledged, too.',
    wrong(({ reply }) => ({
      reply: (request, type, data, at) =>
        reply(request, type, data, at) ?? {
          type,
          ref: 'none',
          timestamp: new Date(at.wall).toISOString(),
          data,
        },
    })),
  ),
  mutant(
    'messages-error-without-id',
    'error-swallowed-without-id',
    'A faulty message without an id is dropped in silence.',
    replied((reply, { id }) => (reply.type === 'error' && id === undefined ? null : reply)),
  ),
  mutant(
    'messages-error-without-id',
    'error-with-empty-ref',
    'The error to a message without an id has an empty ref.',
    replied((reply, { id }) =>
      reply.type === 'error' && id === undefined ? { ...reply, ref: '' } : reply,
    ),
  ),
  mutant(
    'messages-reply-order',
    'replies-as-they-come',
    'Each message is a task of its own, and replies leave as the tasks end.',
    ({ steps }) => ({
      steps: {
        members: (core, connection, incoming) => {
          setTimeout(() => {
            const effects = steps['members']?.(core, connection, incoming) ?? [];
            if (Array.isArray(effects) && connection.phase === 'welcomed')
              for (const effect of effects)
                if (effect.do === 'send')
                  connection.link.send(core.parts.messages.encode(core, effect.message, undefined));
          }, 2);
          return [];
        },
      },
    }),
  ),
  mutant(
    'messages-reply-order',
    'error-to-binary-later',
    'The error to a binary message is sent by a task of its own.',
    ({ gates }) => ({
      gates: {
        json: (core, connection, incoming) => {
          const refusal = gates.json(core, connection, incoming);
          if (!incoming.binary || !Array.isArray(refusal)) return refusal;
          setImmediate(() => perform(core, connection, refusal));
          return [];
        },
      },
    }),
  ),
  mutant(
    'messages-replies-to-requester-only',
    'replies-to-all-tabs',
    "Replies go to all of a user's connections.",
    (parts) => {
      const asker = new Map<string, string>();
      return {
        messages: {
          encode(core, message, payload) {
            const frame = parts.messages.encode(core, message, payload);
            const user = message.ref === undefined ? undefined : asker.get(message.ref);
            for (const tab of core.users.get(user ?? '') ?? []) tab.link.send(frame);
            return frame;
          },
        },
        ...also((_core, connection, { id }) => {
          if (id !== undefined) asker.set(id, connection.grant.user);
        })(parts),
      };
    },
  ),
  mutant(
    'messages-room-on-replies',
    'replies-without-room',
    'Replies do not name the room.',
    replied(({ room: _, ...reply }) => reply),
  ),
  mutant(
    'messages-room-on-replies',
    'errors-without-room',
    'Errors do not name the room.',
    replied((reply) => {
      if (reply.type !== 'error') return reply;
      const { room: _, ...rest } = reply;
      return rest;
    }),
  ),
  mutant(
    'messages-room-on-replies',
    'unsupported-without-room',
    'The error unsupported does not name the room.',
    replied((reply) => {
      if (reply.data['code'] !== 'unsupported') return reply;
      const { room: _, ...rest } = reply;
      return rest;
    }),
    { env: { PARLOR_FEATURES: 'operations' } },
  ),
  ...['forbidden', 'too_many_rooms', 'rate_limited'].map((code) =>
    mutant(
      'messages-room-on-replies',
      `${code.replaceAll('_', '-')}-without-room`,
      `The error ${code} does not name the room.`,
      replied((reply) => {
        if (reply.data['code'] !== code) return reply;
        const { room: _, ...rest } = reply;
        return rest;
      }),
    ),
  ),
  mutant(
    'messages-ping-answered',
    'ping-without-id-ignored',
    'A ping without an id gets no pong.',
    replied((reply, { id }) => (reply.type === 'pong' && id === undefined ? null : reply)),
  ),
  mutant(
    'messages-pong-data-equal',
    'pong-with-server-time',
    "The pong adds the server's time to the data.",
    wrong(() => ({ pong: ({ data }) => ({ ...data, server_time: 1 }) })),
  ),
  mutant(
    'messages-pong-data-equal',
    'pong-numbers-with-15-digits',
    'The numbers of a pong are printed with 15 significant digits.',
    wrong(({ pong }) => ({
      pong: (request) => printed(pong(request), 15) as ReturnType<typeof pong>,
    })),
  ),
  mutant(
    'messages-pong-data-equal',
    'pong-without-data',
    'The pong carries nothing.',
    wrong(() => ({ pong: () => ({}) })),
  ),
  mutant(
    'messages-data-absent',
    'message-without-data-refused',
    'A message without data is refused.',
    refuses(({ data }) => (data === undefined ? 'The member "data" is required.' : null)),
  ),
  mutant(
    'messages-id-any-legal',
    'id-has-to-be-short',
    'An id may have 36 characters at most, as UUIDs do.',
    refuses(({ id }) => (typeof id === 'string' && id.length > 36 ? 'The id is too long.' : null)),
  ),
  mutant(
    'messages-id-any-legal',
    'id-without-colons',
    'Colons in ids are refused.',
    refuses(({ id }) =>
      typeof id === 'string' && id.includes(':') ? 'The id is malformed.' : null,
    ),
  ),
  mutant(
    'messages-id-any-legal',
    'id-remembered-by-its-beginning',
    'An accepted request is remembered by the first 32 characters of its id.',
    () => ({}),
    remembering((id) => id.slice(0, 32)),
  ),
  mutant(
    'messages-id-any-legal',
    'id-remembered-by-its-end',
    'An accepted request is remembered by the last 32 characters of its id.',
    () => ({}),
    remembering((id) => id.slice(-32)),
  ),
  mutant(
    'messages-id-any-legal',
    'id-remembered-in-lower-case',
    'An accepted request is remembered by its id in lower case.',
    () => ({}),
    remembering((id) => id.toLowerCase()),
  ),
  mutant(
    'messages-id-any-legal',
    'id-remembered-as-number',
    'An accepted request is remembered by the number that its id may be taken for.',
    () => ({}),
    remembering((id) => (Number.isNaN(Number(id)) ? id : String(Number(id)))),
  ),
  mutant(
    'messages-id-any-legal',
    'id-zero-is-absent',
    'An id of 0 counts as absent.',
    replied((reply, { id }) => {
      if (id !== '0') return reply;
      const { ref: _, ...rest } = reply;
      return rest.type === 'ack' ? null : rest;
    }),
  ),
  mutant(
    'messages-client-timestamp-ignored',
    'client-timestamp-kept',
    "The event keeps the client's timestamp.",
    stamped(({ timestamp }, event) => ({
      timestamp: typeof timestamp === 'string' ? timestamp : event.timestamp,
    })),
  ),
  mutant(
    'messages-client-timestamp-ignored',
    'client-timestamp-validated',
    "A client's timestamp has to be a string.",
    refuses(({ timestamp }) =>
      timestamp !== undefined && typeof timestamp !== 'string'
        ? 'The timestamp is malformed.'
        : null,
    ),
  ),
  mutant(
    'messages-client-from-ignored',
    'client-from-believed',
    'The sender is whoever the client says.',
    stamped(({ from }, event) => ({ from: typeof from === 'string' ? from : event.from })),
  ),
  mutant(
    'messages-client-seq-ignored',
    'client-seq-validated',
    "A client's seq has to be a positive integer.",
    refuses(({ seq }) =>
      seq !== undefined && !(Number.isInteger(seq) && Number(seq) > 0)
        ? 'The seq is malformed.'
        : null,
    ),
  ),
  mutant(
    'messages-client-ref-ignored',
    'client-ref-relayed',
    "The event keeps the client's ref.",
    stamped(({ ref }) => (typeof ref === 'string' ? { ref } : {})),
  ),
  mutant(
    'messages-client-user-ignored',
    'client-user-believed',
    "The client's data is spread into the typing event.",
    ({ typing, gates }) => {
      let claimed: unknown;
      return {
        typing: {
          event(core, room, user, active, at) {
            const event = typing.event(core, room, user, active, at);
            return {
              ...event,
              data: { ...event.data, ...(typeof claimed === 'string' ? { user: claimed } : {}) },
            };
          },
        },
        gates: {
          json(core, connection, incoming) {
            claimed = /"user":"([^"]*)"/.exec(incoming.bytes.toString())?.[1];
            return gates.json(core, connection, incoming);
          },
        },
      };
    },
  ),
  mutant(
    'messages-unknown-members-accepted',
    'unknown-members-refused',
    'Members that the schema does not list are refused.',
    wrong(({ payload }) => ({
      payload: (request, core) =>
        payload(request, core) ??
        ('colour' in request.data ? { path: '/data/colour', message: 'is not allowed' } : null),
    })),
  ),
  mutant(
    'messages-unknown-members-not-relayed',
    'whole-data-relayed',
    "The event carries the client's whole data.",
    relays(({ data }) => data),
  ),
  mutant(
    'messages-unknown-members-not-relayed',
    'whole-data-of-direct-relayed',
    "The event of a direct message carries the client's whole data.",
    ({ direct }) => ({
      direct: {
        event(core, connection, incoming) {
          const event = direct.event(core, connection, incoming);
          return { ...event, data: { ...incoming.request.data } };
        },
      },
    }),
  ),
  mutant(
    'messages-unknown-members-not-relayed',
    'whole-envelope-relayed',
    "The event is the client's message with some members set.",
    stamped(({ id: _, room: __, data: ___, ...rest }, event) => ({ ...rest, ...event })),
  ),
  mutant(
    'messages-meta-equal',
    'meta-flattened',
    'Values of meta become text.',
    relays(({ data: { text, meta } }) =>
      meta === undefined
        ? { text }
        : {
            text,
            meta: Object.fromEntries(
              Object.entries(meta as object).map(([name, value]) => [name, String(value)]),
            ),
          },
    ),
  ),
  mutant(
    'messages-meta-equal',
    'meta-nulls-dropped',
    'Members of meta that are null are dropped.',
    relays(({ data: { text, meta } }) =>
      meta === undefined
        ? { text }
        : {
            text,
            meta: Object.fromEntries(
              Object.entries(meta as object).filter(([, value]) => value !== null),
            ),
          },
    ),
  ),
  ...[15, 16].map((digits) =>
    mutant(
      'messages-meta-equal',
      `numbers-with-${digits}-digits`,
      `Numbers are printed with ${digits} significant digits.`,
      relays(({ data: { text, meta } }) =>
        meta === undefined ? { text } : { text, meta: printed(meta, digits) },
      ),
    ),
  ),
  ...looseMeta.map(([name, fault, change]) =>
    mutant(
      'messages-meta-equal',
      name,
      fault,
      relays(({ data: { text, meta } }) =>
        meta === undefined ? { text } : { text, meta: each(meta, change) },
      ),
    ),
  ),
  mutant(
    'messages-meta-equal',
    'direct-without-falsy-meta',
    'Members of the `meta` of a direct message that a loose language takes for nothing are left out.',
    ({ direct }) => ({
      direct: {
        event(core, connection, incoming) {
          const event = direct.event(core, connection, incoming);
          const { meta } = event.data;
          if (!meta) return event;
          const kept = Object.entries(meta).filter(([, value]) => value);
          return { ...event, data: { ...event.data, meta: Object.fromEntries(kept) } };
        },
      },
    }),
  ),
  mutant(
    'messages-meta-absent',
    'meta-always-there',
    'An event without meta gets an empty one.',
    relays(({ data: { text, meta } }) => ({ text, meta: meta ?? {} })),
  ),
  mutant(
    'messages-meta-absent',
    'meta-of-direct-always-there',
    'A direct message without meta gets an empty one.',
    ({ direct }) => ({
      direct: {
        event(core, connection, incoming) {
          const event = direct.event(core, connection, incoming);
          return { ...event, data: { meta: {}, ...event.data } };
        },
      },
    }),
  ),
  mutant(
    'messages-json-any-spelling',
    'type-searched-in-text',
    'The type is searched for in the text.',
    wrong(({ parse }) => ({
      parse: (text) =>
        /"type":"/.test(text)
          ? parse(text)
          : { code: 'invalid_json', message: 'The message has no type.' },
    })),
  ),
  ...(
    [
      [
        'escaped-slash-refused',
        'An escaped slash is no JSON.',
        (text) => text.replace('\\/', '\\x'),
      ],
      [
        'escaped-backspace-misread',
        'An escaped backspace is the letter b.',
        (text) => text.replace(/(?<!\\)\\b/, 'b'),
      ],
      ['delete-dropped', 'U+007F is left out.', (text) => text.replace('\u007f', '')],
    ] as [string, string, (text: string) => string][]
  ).map(([name, fault, change]) =>
    mutant(
      'messages-json-any-spelling',
      name,
      fault,
      wrong(({ parse }) => ({ parse: (text) => parse(change(text)) })),
    ),
  ),
  mutant(
    'messages-duplicate-names-last',
    'first-of-two-names',
    'Of two members with one name the first counts.',
    wrong(({ parse }) => ({
      parse: (text) => parse(text.replace(/("text":"[^"]*"),"text":"[^"]*"/, '$1')),
    })),
  ),
  mutant(
    'messages-duplicate-names-last',
    'first-of-two-names-within-meta',
    'Of two members with one name in an object within meta the first counts.',
    wrong(({ parse }) => ({
      parse: (text) => parse(text.replace(/("a":"[^"]*")(,.*?),"a":"[^"]*"/, '$1$2')),
    })),
  ),
];
