import { type Frame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty, type WireFault } from './wire.js';

const { continuation, text } = opcodes;

const BROKEN: FrameInit = { opcode: 3 };
const COUNTED = 16_384;

const isData = ({ opcode }: Frame) => opcode <= 2;
const isText = ({ opcode }: Frame) => opcode === text || opcode === continuation;

// The bytes of one masked frame at the beginning of a chunk, by its header.
function lengthOf(chunk: Buffer): number {
  const short = (chunk[1] ?? 0) & 0x7f;
  if (short < 126) return 6 + short;
  if (short === 126) return 8 + (chunk.length < 4 ? 0 : chunk.readUInt16BE(2));
  return 14 + (chunk.length < 10 ? 0 : Number(chunk.readBigUInt64BE(2)));
}

// Counts the messages of a connection, and takes them for fragments of one.
function counting(): WireFault {
  let count = 0;
  return {
    inbound(frame) {
      if (isData(frame)) count += 1;
      return [count > COUNTED ? BROKEN : frame];
    },
  };
}

// An empty fragment ends the message, whatever its FIN bit says.
function endingOnEmpty(): WireFault {
  let ended = false;
  return {
    inbound(frame) {
      if (!isData(frame)) return [frame];
      const skipped = ended && frame.opcode === continuation;
      ended = skipped ? !frame.fin : frame.payload.length === 0 && !frame.fin;
      if (skipped) return [];
      return [ended ? { ...frame, fin: true } : frame];
    },
  };
}

// The payload of each Ping between fragments is counted to the message, as if so many spaces followed it.
function countingPings(): WireFault {
  let counted = 0;
  let within = false;
  return {
    inbound(frame) {
      if (!isData(frame)) {
        if (within) counted += frame.payload.length;
        return [frame];
      }
      within = !frame.fin;
      if (within || counted === 0) return [frame];
      const payload = Buffer.concat([frame.payload, Buffer.alloc(counted, ' ')]);
      counted = 0;
      return [{ ...frame, payload }];
    },
  };
}

/** Faults of the chapter `transport`: messages. */
export const messages: readonly Mutant[] = [
  mutant(
    'transport-fragments-reassembled',
    'fragments-as-messages',
    'Each fragment is handled as a message.',
    faulty(() => ({
      inbound: (frame) => [isData(frame) ? { ...frame, opcode: text, fin: true } : frame],
    })),
  ),
  mutant(
    'transport-fragments-reassembled',
    'few-fragments',
    'A message may have at most 20 fragments.',
    () => ({ transport: { maxFragments: 20 } }),
  ),
  mutant(
    'limits-message-exact-accepted',
    'pings-counted-to-message',
    'Pings between the fragments of a message are counted to its length.',
    faulty(countingPings),
  ),
  mutant(
    'transport-empty-fragments-accepted',
    'empty-fragments-refused',
    'A fragment without payload is taken for an error.',
    faulty(() => ({
      inbound: (frame) => {
        const part = !frame.fin || frame.opcode === continuation;
        return [isData(frame) && part && frame.payload.length === 0 ? BROKEN : frame];
      },
    })),
  ),
  mutant(
    'transport-empty-fragments-accepted',
    'empty-fragment-ends-message',
    'A fragment without payload ends the message.',
    faulty(endingOnEmpty),
  ),
  mutant(
    'transport-fragments-bounded',
    'fragments-unlimited',
    'The number of fragments of a message is not limited.',
    () => ({ transport: { maxFragments: 0 } }),
  ),
  mutant(
    'transport-split-code-point-accepted',
    'fragments-decoded-alone',
    'Each fragment is decoded by itself, so that a divided code point becomes U+FFFD.',
    faulty(() => ({
      inbound: (frame) => [isText(frame) ? { ...frame, payload: frame.payload.toString() } : frame],
    })),
  ),
  mutant(
    'transport-tcp-chops-accepted',
    'chunk-taken-for-frame',
    'Each chunk that is read is taken for a whole frame.',
    faulty(() => ({
      chunk: (chunk) => (chunk.length < lengthOf(chunk) ? Buffer.of(3, 0) : chunk),
    })),
  ),
  mutant(
    'transport-coalesced-frames-accepted',
    'first-frame-only',
    'Of each chunk that is read only the first frame is handled.',
    faulty(() => ({ chunk: (chunk) => chunk.subarray(0, lengthOf(chunk)) })),
  ),
  mutant(
    'transport-payload-lengths-accepted',
    'long-form-unknown',
    'The 64-bit form of the length is refused.',
    faulty(() => ({ inbound: (frame) => [frame.payload.length > 65_535 ? BROKEN : frame] })),
  ),
  mutant(
    'transport-payload-lengths-accepted',
    'length-126-misread',
    'A length of exactly 126 is read as the short form.',
    faulty(() => ({ inbound: (frame) => [frame.payload.length === 126 ? BROKEN : frame] })),
  ),
  mutant(
    'transport-many-messages-served',
    'messages-counted-as-fragments',
    'The limit for the fragments of a message counts over the whole connection.',
    faulty(counting),
  ),
];
