import { closePayload, type Frame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty, type Line, type WireFault } from './wire.js';

const CLOSE = opcodes.close;
const LONG_MS = 60_000;

const codeOf = ({ payload }: Frame) => (payload.length < 2 ? 1005 : payload.readUInt16BE(0));

// What becomes of the client's Close frames; other frames pass.
const onClose = (change: (frame: Frame, line: Line) => readonly FrameInit[]) =>
  faulty(() => ({
    inbound: (frame, line) => (frame.opcode === CLOSE ? change(frame, line) : [frame]),
  }));

// Drops TCP in place of an answer to some Close frames.
const dropsOn = (about: (frame: Frame) => boolean) =>
  onClose((frame, line) => {
    if (!about(frame)) return [frame];
    line.end();
    return [];
  });

// Answers a Ping that comes in one segment with a Close frame, after its own Close frame.
const pongAfterClose = (): WireFault => {
  let closed = false;
  const late: FrameInit[] = [];
  return {
    inbound(frame) {
      if (closed && frame.opcode === opcodes.ping)
        late.push({ opcode: opcodes.pong, payload: frame.payload });
      closed ||= frame.opcode === CLOSE;
      return [frame];
    },
    outbound: (frame) => [frame, ...(frame.opcode === CLOSE ? late : [])],
  };
};

// Says goodbye once more, in text, when its Close frame has gone out.
const goodbye = (): WireFault => ({
  outbound(frame) {
    const after = { opcode: opcodes.text, payload: '{"type":"goodbye"}' };
    return frame.opcode === CLOSE ? [frame, after] : [frame];
  },
});

/** Faults of the chapter `transport`: the closing handshake. */
export const closing: readonly Mutant[] = [
  mutant(
    'transport-close-empty-answered',
    'empty-close-unanswered',
    'An empty Close frame ends TCP without an answer.',
    dropsOn(({ payload }) => payload.length === 0),
  ),
  mutant(
    'transport-close-code-answered',
    'close-unanswered',
    'TCP is dropped when a Close frame comes.',
    dropsOn(({ payload }) => payload.length > 0),
  ),
  mutant(
    'transport-close-code-answered',
    'application-codes-unanswered',
    'Close frames with codes from 3000 are dropped without an answer.',
    dropsOn((frame) => codeOf(frame) >= 3000),
  ),
  mutant(
    'transport-close-longest-reason-answered',
    'long-reason-unanswered',
    'A reason of more than 100 bytes drops TCP.',
    dropsOn(({ payload }) => payload.length > 102),
  ),
  mutant(
    'transport-close-one-byte-refused',
    'one-byte-close-as-empty',
    'A Close frame of one byte is taken for an empty one.',
    onClose((frame) => [
      frame.payload.length === 1 ? { ...frame, payload: Buffer.alloc(0) } : frame,
    ]),
  ),
  mutant(
    'transport-close-reason-too-long-refused',
    'close-reason-cut',
    'A reason is cut to 123 bytes.',
    onClose((frame) => [{ ...frame, payload: frame.payload.subarray(0, 125) }]),
  ),
  mutant(
    'transport-close-reason-bad-utf8-refused',
    'close-reason-unchecked',
    'The reason of a Close frame is not checked to be UTF-8.',
    () => ({ transport: { skipUtf8Validation: true } }),
  ),
  mutant(
    'transport-close-invalid-code-refused',
    'close-codes-unchecked',
    'Codes that nobody may send are answered as 1000.',
    onClose((frame) => [
      { ...frame, payload: frame.payload.length < 2 ? frame.payload : closePayload(1000) },
    ]),
  ),
  mutant(
    'transport-close-invalid-code-refused',
    'close-codes-to-65535',
    'Every code from 3000 up is taken.',
    onClose((frame) => [codeOf(frame) >= 5000 ? { ...frame, payload: closePayload(3000) } : frame]),
  ),
  mutant(
    'transport-nothing-after-close',
    'pong-after-close',
    'A Ping behind a Close frame is answered.',
    faulty(pongAfterClose),
  ),
  mutant(
    'transport-nothing-after-close',
    'goodbye-after-close',
    'A last message follows the Close frame.',
    faulty(goodbye),
  ),
  mutant(
    'transport-tcp-closed-after-close',
    'tcp-left-to-the-client',
    'TCP is left open after the closing handshake, for the client to close.',
    faulty(() => ({ endless: true }), { closeTimeoutMs: LONG_MS }),
  ),
];
