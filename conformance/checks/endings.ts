import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf, type Welcome } from '#conformance/harness/welcome.js';
import type { Close } from '#conformance/harness/wire.js';

/** More protocol errors than this are not made to end a connection. */
export const MOST_ERRORS = 50;
// More messages than this are a flood.
const MOST_MESSAGES = 1_000;

/** What makes a server end a connection; resolves when it is done, not when the connection has ended. */
export type Provoke = (t: Stage, peer: Peer) => void | Promise<void>;

/** A frame with a reserved opcode: 1002. */
export const breaksFraming: Provoke = (_t, peer) => peer.sendFrame({ opcode: 3 });

/** A message of one byte too many: 1009. */
export const sendsTooMuch: Provoke = (_t, peer) =>
  peer.sendText(' '.repeat(peer.announced.limits.max_message_bytes + 1));

/** As many protocol errors as the budget has: 4000. */
export const errsTooOften: Provoke = (t, peer) => {
  const { max_protocol_errors: most } = peer.announced.limits;
  if (most > MOST_ERRORS) t.notExercised(`${most} protocol errors are more than this makes`);
  for (let count = 0; count < most; count += 1) peer.sendText('{');
};

/** How many messages of a type a connection sends to be closed for its rate; 0 where none does, or too many. */
export function untilThrownOut(announced: Pick<Welcome, 'rates'>, type: string): number {
  const { limit, close_after } = bucketOf(announced, type) ?? { limit: 0, close_after: 0 };
  return close_after === 0 || limit + close_after > MOST_MESSAGES ? 0 : limit + close_after;
}

/** Chats to the lounge until the connection is closed for its rate: 4101. */
export const chatsTooMuch: Provoke = (t, peer) => {
  const most = untilThrownOut(peer.announced, 'chat');
  if (most === 0) t.notExercised('no number of chats that this sends ends a connection');
  for (let count = 0; count < most; count += 1)
    peer.send('chat', { text: 'again' }, { room: 'lounge' });
};

/** How a connection ends that was made to; that it does not is for other rules to say. */
export function isEnded(t: Stage, peer: Peer, extraMs = 0): Promise<Close> {
  return t.seen(peer.ends(extraMs), `the server does not end ${peer.label}`);
}
