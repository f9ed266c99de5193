import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  type FrameInit,
} from '#conformance/harness/frames.js';
import type { Parts } from '#server/parts.js';
import type { Mutant } from './mutant.js';

/** What is wrong with the wire of one connection. */
export interface WireFault {
  /** Changes the request that is upgraded. */
  request?: (request: IncomingMessage) => void;
  /** What the upgrade is answered with, in place of the right head. */
  head?: (text: string) => string;
  /** What is read in place of a chunk. */
  chunk?: (chunk: Buffer) => Buffer;
  /** The frames that are read in place of one that came. */
  inbound?: (frame: Frame, line: Line) => readonly FrameInit[];
  /** The frames that are sent in place of one of the server's. */
  outbound?: (frame: Frame, line: Line) => readonly FrameInit[];
  /** True: the server never ends TCP. */
  endless?: true;
  /** True: the server does not notice that the peer ends TCP. */
  deaf?: true;
}

/** The connection's own ways to the client. */
export interface Line {
  send(frame: FrameInit): void;
  /** Ends TCP, whatever the server wants. */
  end(): void;
}

type Done = (error?: Error | null) => void;

const MAX = 16 * 1024 * 1024;

/** A server whose WebSocket library has a fault; `make` is asked for each connection. */
export function faulty(
  make: () => WireFault,
  settings: Partial<Parts['transport']> = {},
): Mutant['parts'] {
  return () => ({
    transport: { ...settings, socket: (socket, request) => distort(socket, request, make()) },
  });
}

function distort(socket: Socket, request: IncomingMessage, fault: WireFault): void {
  fault.request?.(request);
  const write = socket.write.bind(socket) as (bytes: Uint8Array, done?: Done) => boolean;
  const end = socket.end.bind(socket);
  const line = {
    send: (frame: FrameInit) => void write(encodeFrame({ mask: false, ...frame })),
    end: () => void end(),
  };
  read(socket, fault, line);
  send(socket, fault, line, write);
  if (fault.endless) socket.end = () => socket;
}

function read(socket: Socket, { chunk: cut, inbound, deaf }: WireFault, line: Line): void {
  const decoder = new FrameDecoder({ masked: true, maxPayload: MAX });
  const push = socket.push.bind(socket);
  socket.push = (chunk: Buffer | null, ...rest) => {
    if (chunk === null) return deaf ? true : push(chunk, ...rest);
    const bytes = cut ? cut(chunk) : chunk;
    if (!inbound) return push(bytes, ...rest);
    const frames = [...decoder.push(bytes)].flatMap((frame) => inbound(frame, line));
    return push(Buffer.concat(frames.map(encodeFrame)), ...rest);
  };
}

function send(
  socket: Socket,
  { head, outbound }: WireFault,
  line: Line,
  write: (bytes: Uint8Array, done?: Done) => boolean,
): void {
  if (!head && !outbound) return;
  const decoder = new FrameDecoder({ masked: false, maxPayload: MAX });
  let upgraded = false;
  socket.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    const done = rest.find((each): each is Done => typeof each === 'function');
    if (!upgraded) {
      upgraded = true;
      const text = chunk.toString();
      return write(Buffer.from(head ? head(text) : text), done);
    }
    const bytes = Buffer.from(chunk as Uint8Array);
    if (!outbound) return write(bytes, done);
    const frames = [...decoder.push(bytes)].flatMap((frame) => outbound(frame, line));
    const out = frames.map((frame) => encodeFrame({ mask: false, ...frame }));
    return write(Buffer.concat(out), done);
  };
}
