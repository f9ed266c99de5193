import { encodeFrame, type FrameInit, opcodes } from '#conformance/harness/frames.js';
import type { JudgedRule } from './judged.js';
import type { Announced } from './trace.js';

/** A frame after which a server must end the connection. */
export interface Breach {
  label: string;
  rule: JudgedRule;
  /** Codes to close with; 1006 stands for no Close frame; empty: any end will do. */
  codes: readonly number[];
  bytes: (announced: Announced) => Buffer;
}

const frame = (init: FrameInit) => () => encodeFrame(init);

/** The breaches that the operation `breach` commits. */
export const breaches: readonly Breach[] = [
  {
    label: 'text that is not UTF-8',
    rule: 'limits-utf8-closed',
    codes: [1007],
    bytes: frame({ opcode: opcodes.text, payload: Buffer.from([0x7b, 0xc3, 0x28, 0x7d]) }),
  },
  {
    label: 'a message over the limit',
    rule: 'limits-message-over-closed',
    // What the server has not read when it closes may cost us its Close frame.
    codes: [1009, 1006],
    bytes: ({ limits }) =>
      encodeFrame({ opcode: opcodes.text, payload: ' '.repeat(limits.max_message_bytes + 1) }),
  },
  {
    label: 'an unmasked frame',
    rule: 'transport-unmasked-frame-refused',
    codes: [],
    bytes: frame({ opcode: opcodes.text, payload: '{}', mask: false }),
  },
  {
    label: 'a reserved opcode',
    rule: 'transport-reserved-data-opcode-refused',
    codes: [],
    bytes: frame({ opcode: 3, payload: 'x' }),
  },
  {
    label: 'a reserved control opcode',
    rule: 'transport-reserved-control-opcode-refused',
    codes: [],
    bytes: frame({ opcode: 11 }),
  },
  {
    label: 'a reserved bit',
    rule: 'transport-reserved-bits-refused',
    codes: [],
    bytes: frame({ opcode: opcodes.text, payload: '{}', rsv: 2 }),
  },
  {
    label: 'a control frame of 126 bytes',
    rule: 'transport-control-frame-too-long-refused',
    codes: [],
    bytes: frame({ opcode: opcodes.ping, payload: 'p'.repeat(126) }),
  },
  {
    label: 'a continuation of nothing',
    rule: 'transport-stray-continuation-refused',
    codes: [],
    bytes: frame({ opcode: opcodes.continuation, payload: '{}' }),
  },
  {
    label: 'a Close frame of one byte',
    rule: 'transport-close-one-byte-refused',
    codes: [],
    bytes: frame({ opcode: opcodes.close, payload: 'x' }),
  },
];

/** A message in several frames: in how many, by its variant. */
export function inPieces(opcode: number, payload: Buffer, variant: number): Buffer {
  const sizes = [
    [payload.length >> 1],
    [0, 1, 1],
    [payload.length - 1, 0],
    Array.from({ length: Math.min(payload.length, 40) }, () => 1),
  ];
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes[variant % sizes.length] ?? []) {
    pieces.push(payload.subarray(at, at + size));
    at += size;
  }
  pieces.push(payload.subarray(at));
  return Buffer.concat(
    pieces.flatMap((piece, index) => [
      encodeFrame({
        opcode: index === 0 ? opcode : opcodes.continuation,
        payload: piece,
        fin: index === pieces.length - 1,
      }),
      // A Ping between two fragments is no part of the message.
      ...(index === 0 && variant % 2 === 1
        ? [encodeFrame({ opcode: opcodes.ping, payload: 'between' })]
        : []),
    ]),
  );
}
