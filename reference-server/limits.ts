import type { Config } from './options.js';
import type { Connection, Core, Grant } from './state.js';

/** The decisions of the chapter `limits`. */
export interface LimitsParts {
  /** The size above which a message closes the connection with 1009, in bytes. */
  messageBytes(config: Config): number;
  /** The length of a text, in bytes of UTF-8. */
  textBytes(text: string): number;
  /** Whether the connection may join one more room. */
  roomLeft(connection: Connection, config: Config): boolean;
  /** The number of connections that the user of a grant may have. */
  connectionsPerUser(core: Core, grant: Grant): number;
  /** How a connection ends that is one too many. */
  readonly tooManyConnections: { readonly code: number; readonly reason: string };
}

/** As the specification has it. */
export const limits: LimitsParts = {
  messageBytes: (config) => config.limits.max_message_bytes,
  textBytes: (text) => Buffer.byteLength(text),
  roomLeft: (connection, config) => connection.rooms.size < config.limits.max_rooms,
  connectionsPerUser: ({ config }) => config.limits.max_connections_per_user,
  tooManyConnections: { code: 4005, reason: 'connection_limit' },
};
