import { type Frame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import type { Parts } from '#server/parts.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty, type WireFault } from './wire.js';

const { continuation, text, ping, pong } = opcodes;

const BROKEN: FrameInit = { opcode: 3 };
const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const withHeader = (line: string) => (head: string) =>
  head.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`);

const pongs = (answer: Parts['heartbeat']['pong']): Mutant['parts'] => {
  return () => ({ heartbeat: { pong: answer } });
};

const wire = (fault: WireFault) => faulty(() => fault);

// Changes the frames that it is about, and lets the others pass.
const changing =
  (about: (frame: Frame) => boolean, change: (frame: Frame) => readonly FrameInit[]) =>
  (frame: Frame): readonly FrameInit[] =>
    about(frame) ? change(frame) : [frame];

const isControl = ({ opcode }: Frame) => opcode >= 8;

// Keeps Pings back until the message under way has ended.
function lazyPong(): WireFault {
  const held: FrameInit[] = [];
  let inside = false;
  return {
    inbound(frame) {
      if (frame.opcode === ping && inside) {
        held.push(frame);
        return [];
      }
      if (!isControl(frame)) inside = !frame.fin;
      return inside ? [frame] : [frame, ...held.splice(0)];
    },
  };
}

// Joins the fragments of a Ping as if it were a message.
function joiningPings(): WireFault {
  let first: Frame | undefined;
  return {
    inbound(frame) {
      if (frame.opcode === ping && !frame.fin) {
        first = frame;
        return [];
      }
      if (!first || frame.opcode !== continuation) return [frame];
      const payload = Buffer.concat([first.payload, frame.payload]);
      first = undefined;
      return [{ opcode: ping, payload }];
    },
  };
}

// Takes a continuation of nothing for a message.
function toleratingStrays(): WireFault {
  let inside = false;
  return {
    inbound(frame) {
      if (isControl(frame)) return [frame];
      const stray = frame.opcode === continuation && !inside;
      inside = !frame.fin;
      return [stray ? { ...frame, opcode: text } : frame];
    },
  };
}

// Starts afresh with each first fragment, whatever was under way.
function startingAfresh(): WireFault {
  let parts: Frame[] = [];
  return {
    inbound(frame) {
      if (isControl(frame)) return [frame];
      if (frame.opcode !== continuation) parts = [];
      parts.push(frame);
      if (!frame.fin) return [];
      const [first = frame] = parts;
      const payload = Buffer.concat(parts.map((part) => part.payload));
      parts = [];
      return [{ ...first, payload, fin: true }];
    },
  };
}

// Cuts a text that ends inside a code point back to its last whole one.
function forgivingEnds(): WireFault {
  let parts: Buffer[] = [];
  return {
    inbound(frame) {
      if (isControl(frame)) return [frame];
      parts.push(frame.payload);
      if (!frame.fin) return [];
      const payload = new TextDecoder().decode(Buffer.concat(parts), { stream: true });
      parts = [];
      return [{ opcode: text, payload }];
    },
  };
}

/** Faults of the chapter `transport`: the opening handshake, control frames, frames that end a connection. */
export const control: readonly Mutant[] = [
  mutant(
    'transport-accept-value-correct',
    'accept-of-another-key',
    'Sec-WebSocket-Accept is the key of an example, in Base64, whatever key was sent.',
    wire({
      head: (it) =>
        it.replace(/Accept: .*/, `Accept: ${Buffer.from(SAMPLE_KEY).toString('base64')}`),
    }),
  ),
  mutant(
    'transport-missing-key-refused',
    'missing-key-ignored',
    'A request without Sec-WebSocket-Key is upgraded as if it had an empty one.',
    wire({
      request: ({ headers }) => {
        headers['sec-websocket-key'] ??= SAMPLE_KEY;
      },
    }),
  ),
  mutant(
    'transport-extension-only-when-offered',
    'deflate-for-everybody',
    'Compression is switched on for every connection, offered or not.',
    wire({ head: withHeader('Sec-WebSocket-Extensions: permessage-deflate') }),
  ),
  mutant(
    'transport-extension-only-when-offered',
    'extensions-repeated',
    'Whatever extensions are offered are selected.',
    () => ({
      transport: {
        socket: (socket, request) => {
          const offered = request.headers['sec-websocket-extensions'];
          if (offered === undefined) return;
          const write = socket.write.bind(socket) as (text: string) => boolean;
          socket.write = (chunk: string | Uint8Array) => {
            socket.write = write as typeof socket.write;
            const line = `Sec-WebSocket-Extensions: ${offered}, x-server`;
            return write(chunk.toString().replace('\r\n\r\n', `\r\n${line}\r\n\r\n`));
          };
        },
      },
    }),
  ),
  mutant(
    'transport-server-frames-well-formed',
    'server-masks',
    'The server masks its frames, as a client does.',
    wire({ outbound: (frame) => [{ ...frame, mask: true }] }),
  ),
  mutant(
    'transport-server-frames-well-formed',
    'long-lengths',
    'Every length is sent in the 64-bit form.',
    wire({ outbound: (frame) => [{ ...frame, lengthBits: 64 }] }),
  ),
  mutant(
    'transport-server-frames-well-formed',
    'rsv1-without-deflate',
    'RSV1 is set on messages although no extension is in use.',
    wire({
      outbound: changing(
        ({ opcode }) => opcode === text,
        (it) => [{ ...it, rsv: 4 }],
      ),
    }),
  ),
  mutant(
    'transport-server-frames-well-formed',
    'opcode-repeated',
    'Long messages are fragmented, and each fragment has the opcode of text.',
    wire({
      outbound: changing(
        ({ opcode, payload }) => opcode === text && payload.length > 100,
        (it) => [
          { ...it, fin: false, payload: it.payload.subarray(0, 100) },
          { ...it, payload: it.payload.subarray(100) },
        ],
      ),
    }),
  ),
  mutant(
    'transport-ping-empty-answered',
    'empty-ping-ignored',
    'A Ping without payload is taken for no Ping.',
    pongs((payload) => (payload.length > 0 ? payload : null)),
  ),
  mutant(
    'transport-ping-empty-answered',
    'empty-ping-filled',
    'A Ping without payload is answered with a payload.',
    pongs((payload) => (payload.length > 0 ? payload : Buffer.from('pong'))),
  ),
  mutant(
    'transport-ping-payload-echoed',
    'pong-cut',
    'A Pong carries at most 64 bytes of the Ping.',
    pongs((payload) => payload.subarray(0, 64)),
  ),
  mutant(
    'transport-ping-payload-echoed',
    'pong-empty',
    'Every Pong is empty.',
    pongs(() => Buffer.alloc(0)),
  ),
  mutant(
    'transport-ping-payload-not-text',
    'pong-as-text',
    "A Ping's payload is decoded as text and encoded again.",
    pongs((payload) => Buffer.from(payload.toString())),
  ),
  mutant(
    'transport-ping-between-fragments-answered',
    'ping-waits-for-message',
    'A Ping inside a message is answered when the message has ended.',
    faulty(lazyPong),
  ),
  mutant(
    'transport-unsolicited-pong-ignored',
    'unsolicited-pong-refused',
    'A Pong that nobody asked for ends the connection.',
    wire({
      inbound: changing(
        ({ opcode }) => opcode === pong,
        () => [BROKEN],
      ),
    }),
  ),
  mutant(
    'transport-control-frame-too-long-refused',
    'long-ping-cut',
    'A Ping of more than 125 bytes is answered with its first 125.',
    wire({
      inbound: changing(isControl, (it) => [{ ...it, payload: it.payload.subarray(0, 125) }]),
    }),
  ),
  mutant(
    'transport-control-frame-fragmented-refused',
    'fragmented-ping-joined',
    'A Ping in fragments is joined and answered.',
    faulty(joiningPings),
  ),
  mutant(
    'transport-reserved-bits-refused',
    'reserved-bits-ignored',
    'The reserved bits are not looked at.',
    wire({ inbound: (frame) => [{ ...frame, rsv: 0 }] }),
  ),
  mutant(
    'transport-reserved-bits-refused',
    'rsv3-ignored',
    'RSV3 is not looked at.',
    wire({ inbound: (frame) => [{ ...frame, rsv: frame.rsv & 6 }] }),
  ),
  mutant(
    'transport-reserved-bits-refused',
    'reserved-bits-of-pings-ignored',
    'The reserved bits of control frames are not looked at.',
    wire({ inbound: changing(isControl, (it) => [{ ...it, rsv: 0 }]) }),
  ),
  mutant(
    'transport-reserved-data-opcode-refused',
    'data-opcodes-skipped',
    'Frames of unknown data opcodes are skipped.',
    wire({
      inbound: changing(
        ({ opcode }) => opcode > 2 && opcode < 8,
        () => [],
      ),
    }),
  ),
  mutant(
    'transport-reserved-data-opcode-refused',
    'opcode-masked-to-two-bits',
    'Only the lower two bits of a data opcode are read.',
    wire({
      inbound: changing(
        ({ opcode }) => opcode > 3 && opcode < 8,
        (it) => [{ ...it, opcode: it.opcode & 3 || 1 }],
      ),
    }),
  ),
  mutant(
    'transport-reserved-control-opcode-refused',
    'control-opcodes-skipped',
    'Frames of unknown control opcodes are skipped.',
    wire({
      inbound: changing(
        ({ opcode }) => opcode > 10,
        () => [],
      ),
    }),
  ),
  mutant(
    'transport-stray-continuation-refused',
    'continuation-as-text',
    'A continuation of nothing is taken for a text message.',
    faulty(toleratingStrays),
  ),
  mutant(
    'transport-nested-message-refused',
    'nested-message-starts-afresh',
    'A new message in the middle of another takes its place.',
    faulty(startingAfresh),
  ),
  mutant(
    'transport-unmasked-frame-refused',
    'unmasked-taken',
    'Unmasked frames are taken as they come.',
    // Whatever reaches the library is masked.
    wire({ inbound: (frame) => [frame] }),
  ),
  mutant(
    'transport-invalid-utf8-refused',
    'utf8-unchecked-on-the-wire',
    'Text is not checked to be UTF-8.',
    () => ({ transport: { skipUtf8Validation: true } }),
  ),
  mutant(
    'transport-invalid-utf8-refused',
    'surrogates-let-through',
    'Surrogates pass, as in CESU-8.',
    wire({
      inbound: changing(
        ({ opcode, payload }) => opcode === text && payload.includes(Buffer.of(0xed, 0xa0)),
        (it) => [{ ...it, payload: '\ufffd' }],
      ),
    }),
  ),
  mutant(
    'transport-truncated-utf8-refused',
    'truncated-text-cut',
    'A text that ends inside a code point is read up to the last whole one.',
    faulty(forgivingEnds),
  ),
];
