import { type Frame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import type { TapFactory } from './proxy.js';
import { messages, written } from './taps.js';

/** Something odd that a line may do, and a right server with it. */
export interface Harmless {
  name: string;
  /** What happens, in one sentence. */
  text: string;
  make: TapFactory;
}

const LONGEST_MS = 10;
const LONGEST_BYTES = 7;

// A message in two frames, which RFC 6455, section 5.4 lets any server do.
function halved(frame: Frame): readonly (Frame | FrameInit)[] {
  const { opcode, fin, payload } = frame;
  if (!fin || (opcode !== opcodes.text && opcode !== opcodes.binary)) return [frame];
  const half = payload.length >> 1;
  return [
    { opcode, fin: false, payload: payload.subarray(0, half) },
    { opcode: opcodes.continuation, payload: payload.subarray(half) },
  ];
}

/** What must not be called a fault. */
export const harmless: readonly Harmless[] = [
  {
    name: 'slow-line',
    text: `Everything takes up to ${LONGEST_MS} ms longer, each time another time.`,
    make: () => ({
      carry(bytes, write, done) {
        setTimeout(() => {
          write(bytes);
          done();
        }, Math.random() * LONGEST_MS);
      },
    }),
  },
  {
    name: 'small-segments',
    text: `The bytes come in segments of at most ${LONGEST_BYTES}.`,
    make: () => ({
      carry(bytes, write, done) {
        for (let from = 0; from < Math.min(bytes.length, 4_096); from += LONGEST_BYTES)
          write(bytes.subarray(from, Math.min(from + LONGEST_BYTES, 4_096)));
        if (bytes.length > 4_096) write(bytes.subarray(4_096));
        setImmediate(done);
      },
    }),
  },
  {
    name: 'fragments',
    text: 'The server sends each message in two frames.',
    make: () => ({ toClient: halved }),
  },
  {
    name: 'application-events',
    text: 'An event of the application follows each message of the server, from `welcome` on.',
    make() {
      let welcomed = false;
      return messages(
        ({ type }) => {
          welcomed ||= type === 'welcome';
          return welcomed;
        },
        (_, frame) => [frame, written({ type: 'x.tick', timestamp: new Date().toISOString() })],
      );
    },
  },
];
