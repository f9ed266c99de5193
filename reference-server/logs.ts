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
}

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
};
