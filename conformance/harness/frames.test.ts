import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assembler } from './assembler.js';
import { closePayload, encodeFrame, type Frame, FrameDecoder, FrameTooLong } from './frames.js';

const MAX = 1 << 20;
const decoder = (masked = true, maxPayload = MAX) => new FrameDecoder({ masked, maxPayload });

function decode(chunks: readonly Buffer[], masked = true): Frame[] {
  const one = decoder(masked);
  return chunks.flatMap((chunk) => [...one.push(chunk)]);
}

// Cuts bytes at every position given, in any order.
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

describe('frames', () => {
  it('come back as they were built, wherever the stream is cut', () => {
    const frame = fc.record({
      opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
      payload: fc.uint8Array({ maxLength: 200 }),
      fin: fc.boolean(),
      mask: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.nat()), (sent, places) => {
        const got = decode(cut(Buffer.concat(sent.map(encodeFrame)), places));
        expect(
          got.map(({ opcode, fin, masked, payload }) => ({
            opcode,
            fin,
            mask: masked,
            payload: [...payload],
          })),
        ).toEqual(sent.map(({ payload, ...rest }) => ({ ...rest, payload: [...payload] })));
      }),
    );
  });

  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    'of %i bytes come in one-byte pieces',
    (length) => {
      const payload = Buffer.alloc(length, 'x');
      const bytes = encodeFrame({ opcode: 2, payload });
      const one = decoder();
      const got = [...bytes].flatMap((byte) => [...one.push(Buffer.from([byte]))]);
      expect(got).toHaveLength(1);
      expect(got[0]?.payload.equals(payload)).toBe(true);
      expect(got[0]?.faults).toEqual([]);
      expect(one.pending).toBe(0);
    },
  );

  it.each([
    ['a masked frame of a server', { opcode: 1, mask: true }, 'the frame is masked'],
    ['reserved bits', { opcode: 1, mask: false, rsv: 2 }, 'reserved bits 010 are set'],
    ['RSV1 without an extension', { opcode: 1, mask: false, rsv: 4 }, 'reserved bits 100 are set'],
    ['a reserved opcode', { opcode: 3, mask: false }, 'opcode 3 is reserved'],
    ['a fragmented Ping', { opcode: 9, mask: false, fin: false }, 'a control frame is fragmented'],
    [
      'a long Pong',
      { opcode: 10, mask: false, payload: 'x'.repeat(126) },
      'a control frame has 126 payload bytes',
    ],
    [
      'a length of 16 bits for 7',
      { opcode: 1, mask: false, lengthBits: 16 as const },
      'the length 0 is not in its shortest form',
    ],
    [
      'a length of 64 bits for 16',
      { opcode: 1, mask: false, payload: 'x'.repeat(200), lengthBits: 64 as const },
      'the length 200 is not in its shortest form',
    ],
  ])('record %s', (_name, init, fault) => {
    expect(decode([encodeFrame(init)], false)[0]?.faults).toEqual([fault]);
  });

  it.each([1 << 21, 2n ** 40n, 2n ** 63n])(
    'that announce %s bytes are refused before they come',
    (length) => {
      expect(() => decode([encodeFrame({ opcode: 2, length, lengthBits: 64 })])).toThrow(
        FrameTooLong,
      );
    },
  );
});

describe('messages', () => {
  const assemble = (...frames: Parameters<typeof encodeFrame>[0][]) => {
    const assembler = new Assembler(MAX);
    const got = decode(frames.map(encodeFrame));
    return {
      units: got.map((frame) => assembler.take(frame)),
      faults: got.flatMap(({ faults }) => faults),
    };
  };

  it('are joined over fragments and the control frames between them', () => {
    const { units, faults } = assemble(
      { opcode: 1, payload: 'caf', fin: false },
      { opcode: 9, payload: 'still there?' },
      { opcode: 0, payload: Buffer.from([0xc3]), fin: false },
      { opcode: 0, payload: Buffer.from([0xa9]) },
    );
    expect(
      units.map((unit) => unit && [unit.kind, 'payload' in unit && String(unit.payload)]),
    ).toEqual([undefined, ['ping', 'still there?'], undefined, ['text', 'café']]);
    expect(faults).toEqual([]);
  });

  it.each([
    ['a continuation of nothing', [{ opcode: 0 }], 'a continuation frame continues nothing'],
    [
      'a message in a message',
      [{ opcode: 1, fin: false }, { opcode: 1 }],
      'a new message begins inside a message',
    ],
    [
      'text that is no UTF-8',
      [{ opcode: 1, payload: Buffer.from([0xff]) }],
      'a text message is not UTF-8',
    ],
    [
      'a Close of one byte',
      [{ opcode: 8, payload: 'x' }],
      'a Close frame has a payload of one byte',
    ],
    [
      'a Close with 1006',
      [{ opcode: 8, payload: closePayload(1006) }],
      'a Close frame carries the code 1006, which must not be sent',
    ],
    [
      'a reason that is no UTF-8',
      [{ opcode: 8, payload: closePayload(1000, Buffer.from([0xff])) }],
      'the reason of a Close frame is not UTF-8',
    ],
    [
      'a frame after the Close',
      [{ opcode: 8 }, { opcode: 9 }],
      'the frame comes after a Close frame',
    ],
  ])('record %s', (_name, frames, fault) => {
    expect(assemble(...frames).faults).toEqual([fault]);
  });

  it('end with a code and a reason', () => {
    expect(
      assemble({ opcode: 8, payload: closePayload(4001, 'token_missing') }).units[0],
    ).toMatchObject({
      kind: 'close',
      code: 4001,
      reason: 'token_missing',
    });
  });
});
