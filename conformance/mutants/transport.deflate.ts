import type { IncomingMessage } from 'node:http';
import { type FrameInit, opcodes } from '#conformance/harness/frames.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty, type WireFault } from './wire.js';

const BROKEN: FrameInit = { opcode: 3 };
const ANSWER = /Sec-WebSocket-Extensions: .*/;

const OFFER = 'sec-websocket-extensions';

const deflated = (parameters: string) =>
  `Sec-WebSocket-Extensions: permessage-deflate${parameters}`;

// The library is asked for something else than the client offered, and the client is not told.
const offering =
  (change: (offer: string) => string) =>
  ({ headers }: IncomingMessage): void => {
    const offer = headers[OFFER];
    if (typeof offer === 'string') headers[OFFER] = change(offer);
  };

const answering = (change: (line: string) => string) =>
  faulty(() => ({ head: (text) => text.replace(ANSWER, change) }));

// Wants RSV1 on every fragment of a compressed message.
function marksEveryFragment(): WireFault {
  let compressed = false;
  return {
    inbound(frame) {
      if (frame.opcode === opcodes.text) compressed = frame.rsv === 4;
      return [frame.opcode === opcodes.continuation && compressed ? BROKEN : frame];
    },
  };
}

/** Faults of the chapter `transport`: compression. */
export const deflate: readonly Mutant[] = [
  mutant(
    'transport-deflate-response-valid',
    'window-of-sixteen-bits',
    'The answer names a window of 16 bits.',
    answering((line) => `${line}; server_max_window_bits=16`),
  ),
  mutant(
    'transport-deflate-response-valid',
    'client-window-unasked',
    'The answer limits the window of clients that did not offer to.',
    answering(() => deflated('; client_max_window_bits=12')),
  ),
  mutant(
    'transport-deflate-response-valid',
    'takeover-request-ignored',
    'The answer leaves out the server_no_context_takeover that was asked for.',
    answering(() => deflated('')),
  ),
  mutant(
    'transport-deflate-response-valid',
    'two-answers',
    'The answer selects permessage-deflate twice.',
    answering((line) => `${line}, permessage-deflate`),
  ),
  mutant(
    'transport-deflate-window-honoured',
    'window-request-ignored',
    'The server_max_window_bits that was asked for is ignored.',
    answering((line) => line.replace(/; server_max_window_bits=\d+/, '')),
  ),
  mutant(
    'transport-deflate-messages-accepted',
    'window-forgotten',
    'The window is forgotten after each message, without having negotiated it.',
    faulty(() => ({
      request: offering((offer) => `${offer}; client_no_context_takeover`),
      head: (text) => text.replace('; client_no_context_takeover', ''),
    })),
  ),
  mutant(
    'transport-deflate-fragments-accepted',
    'rsv1-on-every-fragment',
    'RSV1 is expected on every fragment of a compressed message.',
    faulty(marksEveryFragment),
  ),
  mutant(
    'transport-deflate-plain-message-accepted',
    'everything-inflated',
    'Every message is inflated once compression is negotiated.',
    faulty(() => {
      let compressing = false;
      return {
        head: (text) => {
          compressing = ANSWER.test(text);
          return text;
        },
        inbound: (frame) => [
          compressing && frame.opcode === opcodes.text ? { ...frame, rsv: 4 } : frame,
        ],
      };
    }),
  ),
];
