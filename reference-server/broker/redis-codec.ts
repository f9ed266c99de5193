import type { Outgoing } from '../state.js';

/** A reply of Redis: strings come as buffers. */
export type Reply = Buffer | number | null | readonly Reply[];

/** How far a feed has come: everything said, the messages among it, and the comings and goings. */
export interface Position {
  readonly epoch: string;
  readonly rev: number;
  readonly seq: number;
  readonly moves: number;
}

/** One thing that a feed says. */
export interface Entry extends Position {
  /** `c`: a message with a `seq`, `m`: a coming or going, `r`: neither, and not kept. */
  readonly kind: string;
  readonly body: Buffer;
}

/** What a room's feed carries. */
export interface Told {
  readonly message: Outgoing;
  readonly payload?: Uint8Array;
  readonly except?: string;
}

const NEWLINE = 0x0a;

/** A body: a line of JSON, then whatever bytes there are. */
export function writeBody(json: object, payload?: Uint8Array): Buffer {
  const line = Buffer.from(JSON.stringify(json));
  return payload ? Buffer.concat([line, Buffer.of(NEWLINE), payload]) : line;
}

/** Takes a body apart. */
export function readBody<T>(body: Buffer): { readonly json: T; readonly payload?: Buffer } {
  const end = body.indexOf(NEWLINE);
  if (end < 0) return { json: JSON.parse(body.toString()) as T };
  const json = JSON.parse(body.toString('utf8', 0, end)) as T;
  return { json, payload: body.subarray(end + 1) };
}

/** A room's body. */
export function writeTold({ message, payload, except }: Told): Buffer {
  return writeBody(except === undefined ? { m: message } : { m: message, x: except }, payload);
}

/** Takes a room's body apart; a message of the log gets its number. */
export function readTold(body: Buffer, seq?: number): Told {
  const { json, payload } = readBody<{ m: Outgoing; x?: string }>(body);
  if (seq !== undefined) json.m.seq = seq;
  return {
    message: json.m,
    ...(payload ? { payload } : {}),
    ...(json.x === undefined ? {} : { except: json.x }),
  };
}

/** What came over a feed's channel. */
export function readPush(bytes: Buffer): Entry {
  const end = bytes.indexOf(NEWLINE);
  const [kind = '', rev, seq, moves, epoch = ''] = bytes.toString('utf8', 0, end).split(' ');
  return {
    kind,
    epoch,
    rev: Number(rev),
    seq: Number(seq),
    moves: Number(moves),
    body: bytes.subarray(end + 1),
  };
}

/** An entry of a stream: the two numbers of its id, its body, and its time in microseconds. */
export interface Kept {
  readonly number: number;
  readonly rev: number;
  readonly body: Buffer;
  readonly at: number;
}

/** Reads what XRANGE answers. */
export function readStream(reply: Reply): Kept[] {
  return list(reply).map((entry) => {
    const [id, fields] = list(entry);
    const [number, rev] = text(id).split('-');
    const [, body, , at] = list(fields);
    return { number: Number(number), rev: Number(rev), body: body as Buffer, at: Number(text(at)) };
  });
}

/** A reply that is a list. */
export function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

/** A reply that is a string. */
export function text(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString() : '';
}

/** The numbers of a feed, as scripts answer them first. */
export function readPosition([epoch, rev, seq, moves]: readonly Reply[]): Position {
  return { epoch: text(epoch), rev: Number(rev), seq: Number(seq), moves: Number(moves) };
}
