import type { Connection } from './connection.js';

const HEARTBEAT_TIMEOUT = 4201;
const INTERNAL_ERROR = 1011;
const UNAUTHENTICATED = 4001;

/** The end of a connection by a timer of the server, which a busy machine may have let run out. */
export interface Loss {
  /** What happened, in words. */
  text: string;
  /** The chapter whose checks judge that timer. */
  chapter: 'heartbeat' | 'authentication';
}

/**
 * How a timer of the server ended a connection that had done what it waited for. A connection that was merely dropped
 * counts as well when `drops` is set and it had been open for as long as a Ping may stay unanswered, `timeoutMs`.
 */
export function lost(connection: Connection, timeoutMs: number, drops: boolean): Loss | undefined {
  return lostToHeartbeat(connection, timeoutMs, drops) ?? lostToAuthTimeout(connection);
}

// Our Pongs may have been late.
function lostToHeartbeat(
  { closed, autoPong, openedAt, label, pingsReceived }: Connection,
  timeoutMs: number,
  drops: boolean,
): Loss | undefined {
  if (!closed || !autoPong || !Number.isFinite(timeoutMs)) return undefined;
  const { code, reason, by, detail, at } = closed;
  const told =
    code === HEARTBEAT_TIMEOUT || (code === INTERNAL_ERROR && /ping|alive|heartbeat/i.test(reason));
  const dropped = drops && (by === 'fin' || by === 'reset') && at - openedAt >= timeoutMs;
  if (!told && !dropped) return undefined;
  const pings = pingsReceived.length === 0 ? 'no Ping came' : 'Pings were answered';
  return { text: `${label}'s connection: ${detail}, though ${pings}`, chapter: 'heartbeat' };
}

// The server may have come to its timer before it came to our first message.
function lostToAuthTimeout({ closed, label, said, welcomed }: Connection): Loss | undefined {
  if (closed?.code !== UNAUTHENTICATED || closed.reason !== 'auth_timeout') return undefined;
  if (welcomed || !said.some(({ type, at }) => type === 'auth' && at < closed.at)) return undefined;
  return {
    text: `${label}'s connection: ${closed.detail}, though its auth was sent`,
    chapter: 'authentication',
  };
}
