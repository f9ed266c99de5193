import { randomFillSync } from 'node:crypto';

/** The opcodes of RFC 6455. */
export const opcodes = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** One frame as it came, with what is wrong with it by RFC 6455. */
export interface Frame {
  /** When its last byte arrived, in milliseconds of `performance.now()`. */
  at: number;
  fin: boolean;
  /** The three reserved bits as a number; RSV1 is 4. */
  rsv: number;
  opcode: number;
  masked: boolean;
  /** Payload bytes, unmasked. */
  payload: Buffer;
  faults: string[];
}

/** A frame to send; everything may be wrong on purpose. */
export interface FrameInit {
  opcode: number;
  payload?: Uint8Array | string;
  /** Default true. */
  fin?: boolean;
  /** Reserved bits, RSV1 = 4; default 0. */
  rsv?: number;
  /** Default true: a client masks. */
  mask?: boolean;
  /** Four bytes; default random. */
  maskKey?: Uint8Array;
  /** The length that the header claims; default the payload's. */
  length?: number | bigint;
  /** The form of the length: 7, 16 or 64 bits; default the shortest. */
  lengthBits?: 7 | 16 | 64;
}

// Random bytes are cheaper by the thousand.
const keys = Buffer.alloc(4_096);
let used = keys.length;

function randomKey(): Buffer {
  if (used === keys.length) {
    randomFillSync(keys);
    used = 0;
  }
  used += 4;
  return keys.subarray(used - 4, used);
}

/** Builds the bytes of one frame, well-formed or not. */
export function encodeFrame(init: FrameInit): Buffer {
  const payload =
    typeof init.payload === 'string' ? Buffer.from(init.payload) : Buffer.from(init.payload ?? []);
  const mask = init.mask ?? true;
  const length = BigInt(init.length ?? payload.length);
  const bits = init.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const extended = bits === 7 ? 0 : bits / 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = ((init.fin ?? true) ? 0x80 : 0) | ((init.rsv ?? 0) << 4) | init.opcode;
  head[1] = (mask ? 0x80 : 0) | (bits === 7 ? Number(length) & 0x7f : bits === 16 ? 126 : 127);
  if (bits === 16) head.writeUInt16BE(Number(length & 0xffffn), 2);
  if (bits === 64) head.writeBigUInt64BE(BigInt.asUintN(64, length), 2);
  if (!mask) return Buffer.concat([head, payload]);
  const key = init.maskKey ? Buffer.from(init.maskKey) : randomKey();
  return Buffer.concat([head, key, applyMask(payload, key)]);
}

/** The payload of a Close frame. */
export function closePayload(code: number, reason: string | Uint8Array = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason as Uint8Array)]);
}

/** What a decoder expects of the other side. */
export interface DecoderOptions {
  /** Whether frames have to be masked: true for those of a client. */
  masked: boolean;
  /** The longest payload that is read, in bytes. */
  maxPayload: number;
}

/** A frame announces more payload than the decoder is willing to read. */
export class FrameTooLong extends Error {
  override readonly name = 'FrameTooLong';
}

/** Splits a byte stream into frames. Hides nothing: what breaks RFC 6455 is recorded in the frame's faults. */
export class FrameDecoder {
  readonly #options: DecoderOptions;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #header: Header | undefined;
  /** Reserved bits that a negotiated extension defines. */
  allowedRsv = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
  }

  /** Bytes that wait for the rest of their frame. */
  get pending(): number {
    return this.#buffered + (this.#header?.size ?? 0);
  }

  /**
   * Takes bytes and gives the frames that they complete.
   *
   * @throws FrameTooLong when a header announces more than `maxPayload`
   */
  *push(chunk: Buffer): Generator<Frame> {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      this.#header ??= this.#readHeader();
      if (!this.#header || this.#buffered < this.#header.length) return;
      const { maskKey, length, size: _, ...rest } = this.#header;
      this.#header = undefined;
      const payload = this.#take(length);
      yield {
        at: performance.now(),
        ...rest,
        payload: maskKey ? applyMask(payload, maskKey) : payload,
      };
    }
  }

  #readHeader(): Header | undefined {
    if (this.#buffered < 2) return undefined;
    const start = this.#peek(2);
    const [first = 0, second = 0] = start;
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const size = 2 + extended + (masked ? 4 : 0);
    if (this.#buffered < size) return undefined;
    const bytes = this.#take(size);
    const length =
      extended === 0
        ? BigInt(short)
        : extended === 2
          ? BigInt(bytes.readUInt16BE(2))
          : bytes.readBigUInt64BE(2);
    if (length > BigInt(this.#options.maxPayload))
      throw new FrameTooLong(
        `a frame header announces ${length} bytes; no more than ${this.#options.maxPayload} are read`,
      );
    const header = {
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      opcode: first & 0x0f,
      masked,
      maskKey: masked ? bytes.subarray(size - 4) : undefined,
      length: Number(length),
      size,
    };
    return { ...header, faults: this.#faults(header, extended) };
  }

  #faults(
    { fin, rsv, opcode, masked, length }: Omit<Header, 'faults'>,
    extended: number,
  ): string[] {
    const faults: string[] = [];
    const control = opcode >= 8;
    if (masked !== this.#options.masked)
      faults.push(masked ? 'the frame is masked' : 'the frame is not masked');
    // RSV1 marks the first frame of a compressed message, and no other.
    const allowed = opcode === opcodes.text || opcode === opcodes.binary ? this.allowedRsv : 0;
    if ((rsv & ~allowed) !== 0)
      faults.push(`reserved bits ${rsv.toString(2).padStart(3, '0')} are set`);
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) faults.push(`opcode ${opcode} is reserved`);
    if (control && !fin) faults.push('a control frame is fragmented');
    if (control && length > 125) faults.push(`a control frame has ${length} payload bytes`);
    if ((extended === 2 && length < 126) || (extended === 8 && length < 65_536))
      faults.push(`the length ${length} is not in its shortest form`);
    return faults;
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0];
    if (first && first.length >= count) return first.subarray(0, count);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return (this.#chunks[0] as Buffer).subarray(0, count);
  }

  #take(count: number): Buffer {
    if (count === 0) return Buffer.alloc(0);
    const bytes = this.#peek(count);
    const first = this.#chunks[0] as Buffer;
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    this.#buffered -= count;
    return bytes;
  }
}

interface Header {
  fin: boolean;
  rsv: number;
  opcode: number;
  masked: boolean;
  maskKey: Buffer | undefined;
  length: number;
  size: number;
  faults: string[];
}

function applyMask(payload: Uint8Array, key: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(payload.length);
  for (let i = 0; i < payload.length; i += 1) out[i] = (payload[i] ?? 0) ^ (key[i & 3] ?? 0);
  return out;
}
