import { isUtf8 } from 'node:buffer';
import type { Deflate } from './deflate.js';
import { type Frame, opcodes } from './frames.js';

/** What a frame amounts to, once its message is whole. */
export type Unit =
  | { kind: 'text' | 'binary' | 'ping' | 'pong'; payload: Buffer; at: number }
  | { kind: 'close'; code: number; reason: string; at: number };

/** Joins fragments, inflates, and judges what only shows across frames. Adds faults to the frame that shows them. */
export class Assembler {
  readonly #maxLength: number;
  #parts: Frame[] = [];
  #length = 0;
  #closed = false;
  /** Set once permessage-deflate is negotiated. */
  deflate: Deflate | undefined;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Takes a frame; gives what it completes. */
  take(frame: Frame): Unit | undefined {
    if (this.#closed) frame.faults.push('the frame comes after a Close frame');
    if (frame.opcode === opcodes.close) return this.#close(frame);
    if (frame.opcode === opcodes.ping || frame.opcode === opcodes.pong)
      return {
        kind: frame.opcode === opcodes.ping ? 'ping' : 'pong',
        payload: frame.payload,
        at: frame.at,
      };
    if (frame.opcode > opcodes.binary) return undefined;
    return this.#data(frame);
  }

  #close(frame: Frame): Unit {
    this.#closed = true;
    const { payload, faults, at } = frame;
    if (payload.length === 0) return { kind: 'close', code: 1005, reason: '', at };
    if (payload.length === 1) {
      faults.push('a Close frame has a payload of one byte');
      return { kind: 'close', code: 1002, reason: '', at };
    }
    const code = payload.readUInt16BE(0);
    if (code < 1000 || code > 4999 || [1004, 1005, 1006, 1015].includes(code))
      faults.push(`a Close frame carries the code ${code}, which must not be sent`);
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) faults.push('the reason of a Close frame is not UTF-8');
    return { kind: 'close', code, reason: reason.toString('utf8'), at };
  }

  #data(frame: Frame): Unit | undefined {
    const starts = frame.opcode !== opcodes.continuation;
    if (starts && this.#parts.length > 0) {
      frame.faults.push('a new message begins inside a message');
      this.#reset();
    }
    if (!starts && this.#parts.length === 0) {
      frame.faults.push('a continuation frame continues nothing');
      return undefined;
    }
    this.#parts.push(frame);
    this.#length += frame.payload.length;
    if (this.#length > this.#maxLength) {
      frame.faults.push(`a message grows beyond ${this.#maxLength} bytes`);
      this.#reset();
      return undefined;
    }
    if (!frame.fin) return undefined;
    const first = this.#parts[0] ?? frame;
    const joined =
      this.#parts.length === 1
        ? frame.payload
        : Buffer.concat(this.#parts.map((part) => part.payload));
    this.#reset();
    const payload = (first.rsv & 4) !== 0 ? this.#inflate(joined, frame) : joined;
    if (!payload) return undefined;
    const kind = first.opcode === opcodes.text ? 'text' : 'binary';
    if (kind === 'text' && !isUtf8(payload)) frame.faults.push('a text message is not UTF-8');
    return { kind, payload, at: frame.at };
  }

  #inflate(payload: Buffer, frame: Frame): Buffer | undefined {
    try {
      return this.deflate?.inflate(payload, this.#maxLength);
    } catch (error) {
      frame.faults.push(`a compressed message does not inflate: ${(error as Error).message}`);
      return undefined;
    }
  }

  #reset(): void {
    this.#parts = [];
    this.#length = 0;
  }
}
