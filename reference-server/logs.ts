import { timestamp } from './clock.js';
import type { Closing, Connection, Core, Incoming } from './state.js';

/** One line of the log. */
type LogEvent = Readonly<Record<string, unknown>>;

/** The decisions of the chapter `logs`: what each event says. */
export interface LogsParts {
  /** A connection was welcomed. */
  connect(core: Core, connection: Connection): LogEvent;
  /** A data message was read; its length, and never its text. */
  message(core: Core, connection: Connection, incoming: Incoming): LogEvent;
  /** An `error` was sent. */
  error(core: Core, connection: Connection, code: string): LogEvent;
  /** A connection has ended. */
  disconnect(core: Core, connection: Connection, closing: Closing): LogEvent;
  /** A line of JSON as it is written. */
  written(line: string): string;
}

// JSON leaves these as they are, and a terminal or a careless reader breaks a line at them.
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

const escaped = (character: string) =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

function line(
  event: string,
  core: Core,
  { id, grant, welcomed }: Connection,
): Record<string, unknown> {
  const { wall } = core.now();
  return {
    event,
    timestamp: timestamp(wall),
    connection_id: id,
    ...(welcomed ? { user: grant.user } : {}),
  };
}

/** As the specification has it. */
export const logs: LogsParts = {
  connect: (core, connection) => line('websocket_connect', core, connection),
  message: (core, connection, { bytes, request }) => ({
    ...line('message_received', core, connection),
    ...(core.parts.messages.known(request.type) ? { type: request.type } : {}),
    message_length: bytes.length,
  }),
  error: (core, connection, code) => ({ ...line('websocket_error', core, connection), code }),
  disconnect: (core, connection, { code, reason }) => ({
    ...line('websocket_disconnect', core, connection),
    code,
    reason,
  }),
  written: (line) => line.replace(UNSAFE, escaped),
};
