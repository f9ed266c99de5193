/** The profiles of Parlor v1 that have messages of their own. */
export type MessageProfile =
  | 'core'
  | 'auth_refresh'
  | 'auth_message'
  | 'direct'
  | 'broadcast'
  | 'binary'
  | 'resume'
  | 'operations'
  | 'cluster';

/** One row of the registry of messages. */
interface MessageRow {
  /** Name of the schema: `urn:parlor:v1:` and this is its `$id`. */
  readonly schema: string;
  /** The wire's `type`; `x` stands for the types of applications; of a body, the name of the document. */
  readonly type: string;
  /** Who sends it. `ack` rows are sent by the server, in reply to the request named by `type`. */
  readonly direction: 'client' | 'server' | 'ack' | 'http';
  /** Where it travels: a text frame, the header of a binary frame, or the body of an HTTP answer. */
  readonly frame: 'text' | 'binary' | 'body';
  /** The profiles that have it; one of them is enough. */
  readonly profiles: readonly MessageProfile[];
  /** The chapter of the written protocol that defines it. */
  readonly chapter: string;
  /** The schema of the reply to a request that succeeds; every request may also end in `error.server`. */
  readonly reply?: string;
}

const client = <T extends string, R extends string>(
  type: T,
  chapter: string,
  profiles: readonly MessageProfile[],
  reply: R,
  frame: 'text' | 'binary' = 'text',
) =>
  ({
    schema: `${type}.client`,
    type,
    direction: 'client',
    frame,
    profiles,
    chapter,
    reply,
  }) as const;

const server = <T extends string>(
  type: T,
  chapter: string,
  profiles: readonly MessageProfile[],
  frame: 'text' | 'binary' = 'text',
) => ({ schema: `${type}.server`, type, direction: 'server', frame, profiles, chapter }) as const;

const ack = <T extends string>(type: T, chapter: string, profiles: readonly MessageProfile[]) =>
  ({
    schema: `ack.${type}.server`,
    type,
    direction: 'ack',
    frame: 'text',
    profiles,
    chapter,
  }) as const;

const body = <T extends string>(type: T, chapter: string, profiles: readonly MessageProfile[]) =>
  ({ schema: `${type}.http`, type, direction: 'http', frame: 'body', profiles, chapter }) as const;

/** The registry of messages: each type in each direction, the acknowledgement of each request, and the HTTP bodies. */
export const messages = [
  server('welcome', 'handshake', ['core']),
  client('join', 'rooms', ['core'], 'ack.join.server'),
  ack('join', 'rooms', ['core']),
  server('join', 'rooms', ['core']),
  client('leave', 'rooms', ['core'], 'ack.leave.server'),
  ack('leave', 'rooms', ['core']),
  server('leave', 'rooms', ['core']),
  client('members', 'rooms', ['core'], 'ack.members.server'),
  ack('members', 'rooms', ['core']),
  client('chat', 'chat', ['core'], 'ack.chat.server'),
  ack('chat', 'chat', ['core']),
  server('chat', 'chat', ['core']),
  client('typing', 'typing', ['core'], 'ack.typing.server'),
  ack('typing', 'typing', ['core']),
  server('typing', 'typing', ['core']),
  client('ping', 'messages', ['core'], 'pong.server'),
  server('pong', 'messages', ['core']),
  server('error', 'errors', ['core']),
  client('auth', 'authentication', ['auth_refresh', 'auth_message'], 'ack.auth.server'),
  ack('auth', 'authentication', ['auth_refresh', 'auth_message']),
  server('auth_expiring', 'authentication', ['auth_refresh']),
  client('direct', 'direct', ['direct'], 'ack.direct.server'),
  ack('direct', 'direct', ['direct']),
  server('direct', 'direct', ['direct']),
  client('broadcast', 'broadcast', ['broadcast'], 'ack.broadcast.server'),
  ack('broadcast', 'broadcast', ['broadcast']),
  server('broadcast', 'broadcast', ['broadcast']),
  client('binary', 'binary', ['binary'], 'ack.binary.server', 'binary'),
  ack('binary', 'binary', ['binary']),
  server('binary', 'binary', ['binary'], 'binary'),
  server('gap', 'resume', ['resume', 'cluster']),
  server('server_shutdown', 'shutdown', ['core']),
  client('x', 'messages', ['core'], 'ack.x.server'),
  ack('x', 'messages', ['core']),
  server('x', 'messages', ['core']),
  body('stats', 'operations', ['operations']),
  body('health', 'operations', ['operations']),
  body('problem', 'operations', ['operations']),
] as const satisfies readonly MessageRow[];

type Row = (typeof messages)[number];

/** The name of a message's schema, such as `chat.client` or `ack.join.server`. */
export type SchemaName = Row['schema'];

/** A type that clients send. */
export type ClientType = Extract<Row, { direction: 'client' }>['type'];

/** A type that servers send, other than `ack`. */
export type ServerType = Extract<Row, { direction: 'server' }>['type'];

/** A type of request that is answered by an `ack`. */
export type AckedType = Extract<Row, { direction: 'ack' }>['type'];

/** The name of an HTTP body. */
export type BodyType = Extract<Row, { direction: 'http' }>['type'];
