import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Frame } from './frames.js';
import type { Connection } from './state.js';

/** What the shell's WebSocket library is told, and a tap on everything that leaves. */
export interface TransportParts {
  /** Whether text messages and close reasons that are not UTF-8 are let through. */
  readonly skipUtf8Validation: boolean;
  /** The most fragments of one message. */
  readonly maxFragments: number;
  /** Milliseconds that a peer has to answer a Close frame before its TCP connection is cut. */
  readonly closeTimeoutMs: number;
  /** Whether several messages may be read in one turn of the loop. */
  readonly coalesced: boolean;
  /** What is read in place of a chunk of bytes; null: every chunk as it came. */
  readonly rawInbound: ((chunk: Buffer) => Buffer) | null;
  /** What is written in place of a chunk of bytes, the answer to the upgrade included; null: as it is. */
  readonly rawOutbound: ((chunk: Buffer) => Buffer) | null;
  /** Handed each socket before its upgrade is answered, to see and change what it does; null: nobody is. */
  readonly socket: ((socket: Socket, request: IncomingMessage) => void) | null;
  /** What leaves in place of a frame on a connection; null: every frame as it is, gathered room by room. */
  readonly outbound: ((frame: Frame, connection: Connection) => readonly Frame[]) | null;
}

/** As the specification has it. */
export const transport: TransportParts = {
  skipUtf8Validation: false,
  maxFragments: 16_384,
  closeTimeoutMs: 2_000,
  coalesced: true,
  rawInbound: null,
  rawOutbound: null,
  socket: null,
  outbound: null,
};
