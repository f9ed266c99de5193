import { refuse } from '#server/errors.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Request } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty } from './wire.js';

type Limits = Parts['limits'];
type Announced = ReturnType<Parts['handshake']['welcome']>['limits'];

const wrong =
  (change: (right: Limits) => Partial<Limits>): Mutant['parts'] =>
  ({ limits: right }) => ({ limits: change(right) });

const textBytes = (measure: (text: string) => number) => wrong(() => ({ textBytes: measure }));

/** The texts of one type, measured otherwise than those of the others. */
const textOf =
  (type: string, measure: (text: string) => number): Mutant['parts'] =>
  ({ messages }) => ({
    messages: {
      payload(request: Request, core) {
        const fault = messages.payload(request, core);
        if (request.type !== type || fault?.limit === undefined) return fault;
        return measure(String(request.data['text'])) <= fault.limit ? null : fault;
      },
    },
  });

const unbounded = wrong(() => ({ messageBytes: () => 100 * 1024 * 1024 }));

// A chunk that begins with a frame, without the upper half of its long length.
function shortened(chunk: Buffer): Buffer {
  if (((chunk[1] ?? 0) & 0x7f) !== 127 || chunk.length < 10) return chunk;
  const copy = Buffer.from(chunk);
  copy.writeUInt32BE(0, 2);
  return copy;
}

/** Announces numbers that are made of the right ones. */
const announcing =
  (change: (right: Announced) => Partial<Announced>): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      welcome(core, connection) {
        const data = handshake.welcome(core, connection);
        return { ...data, limits: { ...data.limits, ...change(data.limits) } };
      },
    },
  });

/** Faults of the chapter `limits`. */
export const limits: readonly Mutant[] = [
  mutant(
    'limits-message-exact-accepted',
    'message-limit-excludes-its-value',
    'The bound of the message size excludes its own value.',
    wrong((right) => ({ messageBytes: (config) => right.messageBytes(config) - 1 })),
  ),
  mutant(
    'limits-message-over-closed',
    'message-limit-off-by-one',
    'A message may be one byte larger than announced.',
    wrong((right) => ({ messageBytes: (config) => right.messageBytes(config) + 1 })),
  ),
  mutant(
    'limits-message-over-closed',
    'length-in-32-bits',
    'Of the long form of the length the lower 32 bits are read.',
    faulty(() => ({ chunk: shortened })),
  ),
  mutant(
    'limits-message-fragments-counted',
    'message-limit-left-to-library',
    "The library's own bound of 100 MiB is in force, so fragments add up.",
    unbounded,
  ),
  mutant(
    'limits-message-inflated-counted',
    'inflated-size-unbounded',
    'Compressed messages inflate to whatever they like.',
    unbounded,
    { env: { PARLOR_DEFLATE: 'on' } },
  ),
  mutant(
    'limits-message-size-before-json',
    'oversize-answered-with-error',
    'A message that is too large is answered with an error in place of the close 1009.',
    ({ gates, ...parts }) => ({
      ...unbounded({ gates, ...parts }),
      gates: {
        json: (core, connection, incoming) =>
          incoming.bytes.length > core.config.limits.max_message_bytes
            ? refuse(core, connection, incoming.request, incoming.at, 'invalid_json', 'Too large.')
            : gates.json(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'limits-utf8-closed',
    'utf8-not-validated',
    'Bytes that are not UTF-8 are replaced by U+FFFD.',
    () => ({ transport: { skipUtf8Validation: true } }),
  ),
  mutant(
    'limits-message-holds-text',
    'text-limit-as-large-as-message',
    'A text may be as large as a whole message.',
    announcing(({ max_message_bytes }) => ({ max_text_bytes: max_message_bytes })),
  ),
  mutant(
    'limits-queue-holds-message',
    'queue-as-long-as-message',
    'The queue that is announced holds one message without its envelope.',
    announcing(({ max_message_bytes }) => ({ max_queue_bytes: max_message_bytes })),
  ),
  mutant(
    'limits-text-exact-accepted',
    'text-limit-excludes-its-value',
    'The bound of the text excludes its own value.',
    textBytes((text) => Buffer.byteLength(text) + 1),
  ),
  mutant(
    'limits-text-over-refused',
    'text-limit-off-by-one',
    'A text may be one byte larger than announced.',
    textBytes((text) => Buffer.byteLength(text) - 1),
  ),
  mutant(
    'limits-text-over-limit-named',
    'text-limit-not-named',
    'The error for a long text does not say the limit.',
    ({ messages }) => ({
      messages: {
        payload(request, core) {
          const { limit: _, ...fault } = messages.payload(request, core) ?? {};
          return 'path' in fault ? (fault as { path: string; message: string }) : null;
        },
      },
    }),
  ),
  mutant(
    'limits-text-bytes-counted',
    'text-measured-in-utf16',
    'Text is measured in UTF-16 units.',
    textBytes((text) => text.length),
  ),
  mutant(
    'limits-text-bytes-counted',
    'text-measured-in-code-points',
    'Text is measured in code points.',
    textBytes((text) => [...text].length),
  ),
  mutant(
    'limits-text-over-refused',
    'broadcast-text-unlimited',
    'The text of a broadcast may be as long as the message holds.',
    textOf('broadcast', () => 0),
  ),
  ...['broadcast', 'direct'].map((type) =>
    mutant(
      'limits-text-bytes-counted',
      `${type}-text-in-code-points`,
      `The text of a ${type} is measured in code points.`,
      textOf(type, (text) => [...text].length),
    ),
  ),
  mutant(
    'limits-text-bytes-counted',
    'text-measured-as-escaped',
    'Text is measured as it was escaped on the wire.',
    textBytes((text) => text.replace(/[^ -~]/g, '\\u0000').length),
  ),
  mutant(
    'limits-text-empty-refused',
    'empty-text-accepted',
    'A text without a character is delivered.',
    ({ messages }) => ({
      messages: {
        payload: (request, core) =>
          request.data['text'] === '' ? null : messages.payload(request, core),
      },
    }),
  ),
  mutant(
    'limits-rooms-reached',
    'one-room-too-few',
    'A connection may be in one room less than announced.',
    wrong(() => ({
      roomLeft: ({ rooms }, { limits: { max_rooms } }) => rooms.size < max_rooms - 1,
    })),
  ),
  mutant(
    'limits-rooms-over-refused',
    'one-room-too-many',
    'A connection may be in one room more than announced.',
    wrong(() => ({ roomLeft: ({ rooms }, { limits: { max_rooms } }) => rooms.size <= max_rooms })),
  ),
  mutant(
    'limits-rooms-freed',
    'rooms-only-counted-up',
    'The count of rooms is never lowered.',
    () => {
      const joined = new WeakMap<Connection, number>();
      return {
        limits: {
          roomLeft(connection, config) {
            const count = joined.get(connection) ?? 0;
            joined.set(connection, count + 1);
            return count < config.limits.max_rooms;
          },
        },
      };
    },
  ),
  mutant(
    'limits-rooms-rejoin-free',
    'rejoin-takes-a-place',
    'A join of a room that one is in needs a free place.',
    ({ limits: right, gates }) => ({
      gates: {
        room: (core, connection, { request, at, ...incoming }) =>
          request.type === 'join' && !right.roomLeft(connection, core.config)
            ? refuse(core, connection, request, at, 'too_many_rooms', 'Leave a room first.')
            : gates.room(core, connection, { request, at, ...incoming }),
      },
    }),
  ),
  mutant(
    'limits-connections-reached',
    'one-connection-too-few',
    'A user may have one connection less than announced.',
    wrong((right) => ({
      connectionsPerUser: (core, grant) => right.connectionsPerUser(core, grant) - 1,
    })),
  ),
  mutant(
    'limits-connections-over-closed',
    'connections-unlimited',
    'A user may have any number of connections.',
    wrong(() => ({ connectionsPerUser: () => Number.MAX_SAFE_INTEGER })),
  ),
  mutant(
    'limits-connections-over-closed',
    'refused-connection-frees-a-place',
    'A connection that was refused is taken off the count, like one that was welcomed.',
    ({ limits: right, handshake }) => {
      const refused = new Map<string, number>();
      return {
        limits: {
          connectionsPerUser: (core, grant) =>
            right.connectionsPerUser(core, grant) + (refused.get(grant.user) ?? 0),
        },
        handshake: {
          dismiss(core, connection, closing) {
            const { user } = connection.grant;
            if (closing.code === 4005) refused.set(user, (refused.get(user) ?? 0) + 1);
            return handshake.dismiss(core, connection, closing);
          },
        },
      };
    },
  ),
  mutant(
    'limits-connections-over-closed',
    'connection-limit-closes-1008',
    'A connection too many is closed with 1008.',
    wrong(() => ({ tooManyConnections: { code: 1008, reason: 'connection_limit' } })),
  ),
  mutant(
    'limits-connections-earlier-kept',
    'oldest-connection-replaced',
    'A connection too many takes the place of the oldest.',
    ({ handshake }) => ({
      handshake: {
        dismiss(core, connection, closing) {
          const [oldest] = core.users.get(connection.grant.user) ?? [];
          if (closing.code === 4005) oldest?.link.close({ code: 4006, reason: 'replaced' });
          return handshake.dismiss(core, connection, closing);
        },
      },
    }),
  ),
  mutant(
    'limits-connections-freed',
    'connections-only-counted-up',
    'The count of connections is never lowered.',
    () => ({}),
    { broker: () => ({ exit: () => undefined }) },
  ),
  mutant(
    'limits-connections-per-user',
    'connections-counted-together',
    'The connections of all users are counted together.',
    () => ({}),
    {
      broker: (right) => ({
        enter: (who, limit, at) => right.enter({ ...who, user: 'everybody' }, limit, at),
      }),
    },
  ),
  mutant(
    'limits-connections-per-user',
    'connections-counted-without-case',
    'The connections of users whose names differ only in case are counted together.',
    () => ({}),
    {
      broker: (right) => ({
        enter: (who, limit, at) => right.enter({ ...who, user: who.user.toLowerCase() }, limit, at),
      }),
    },
  ),
];
