import type { Connection } from './connection.js';

const HEARTBEAT_TIMEOUT = 4201;
const INTERNAL_ERROR = 1011;

/**
 * How a heartbeat ended a connection although its Pings were answered, in words; undefined when it did not, or cannot
 * have. On a busy machine our Pongs may have been late. A connection that was merely dropped counts as well when
 * `drops` is set and it had been open for as long as a Ping may stay unanswered.
 */
export function lostToHeartbeat(
  { closed, autoPong, openedAt, label, pingsReceived }: Connection,
  timeoutMs: number,
  drops: boolean,
): string | undefined {
  if (!closed || !autoPong) return undefined;
  const { code, reason, by, detail, at } = closed;
  const told =
    code === HEARTBEAT_TIMEOUT || (code === INTERNAL_ERROR && /ping|alive|heartbeat/i.test(reason));
  const dropped = drops && (by === 'fin' || by === 'reset') && at - openedAt >= timeoutMs;
  const pings = pingsReceived.length === 0 ? 'no Ping came' : 'Pings were answered';
  return told || dropped ? `${label}'s connection: ${detail}, though ${pings}` : undefined;
}
