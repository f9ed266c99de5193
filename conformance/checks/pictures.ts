import { opcodes } from '#conformance/harness/frames.js';
import { buildBinary, type Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

/** The first bytes of every PNG file, among them some that are no UTF-8. */
export const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** What a binary message is made of. */
export interface Picture {
  payload?: Uint8Array | string;
  /** The label of a room; default `lounge`. */
  room?: string;
  id?: string;
  /** `data` and whatever else the header is to carry. */
  [member: string]: unknown;
}

let count = 0;

/** An `id` for a request that is made byte by byte. */
export function nextId(): string {
  count += 1;
  return `b${count}`;
}

/** The bytes of a binary message to a room; without an `id` unless one is given. */
export function bytesOf(t: Stage, { payload = PNG, room = 'lounge', ...header }: Picture): Buffer {
  return buildBinary(
    { type: 'binary', room: t.room(room), ...header },
    Buffer.from(payload as Uint8Array),
  );
}

/** Sends a binary message with an `id`; resolves to its reply, whatever it is. */
export function shows(t: Stage, peer: Peer, picture: Picture = {}): Promise<Message> {
  const id = picture.id ?? nextId();
  peer.sendBytes(bytesOf(t, { ...picture, id }));
  return peer.reply(id, 'binary');
}

/** Sends bytes as one binary message in so many fragments. */
export function inFragments(peer: Peer, bytes: Buffer, pieces: number): void {
  const size = Math.ceil(bytes.length / pieces);
  for (let from = 0; from < bytes.length; from += size)
    peer.sendFrame({
      opcode: from === 0 ? opcodes.binary : opcodes.continuation,
      payload: bytes.subarray(from, from + size),
      fin: from + size >= bytes.length,
    });
}

/** A binary message that has to be acknowledged. */
export async function showsAcked(t: Stage, peer: Peer, picture: Picture = {}): Promise<Message> {
  const reply = await shows(t, peer, picture);
  t.assert(reply.type === 'ack', {
    expected: 'an ack of the binary message',
    actual: `${peer.label} received ${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
  });
  return reply;
}

/** The next event of type `binary` that a connection receives; it has to be a binary message that can be read. */
export async function seenBy(t: Stage, peer: Peer): Promise<Message & { payload: Buffer }> {
  const event = await peer.receives('*', ({ type }) => type === 'binary' || type === '(binary)');
  const { payload } = event;
  if (event.type === 'binary' && payload) return { ...event, payload };
  return t.fail({
    expected: `${peer.label} receives one binary message: 0x01, the length of the header in two bytes, the header, the payload`,
    actual:
      payload === undefined
        ? 'the event came as a text message'
        : `a binary message of ${payload.length} bytes came that cannot be read; it begins with ${payload.toString('hex', 0, 16)}`,
    hint: 'The length in bytes 1 and 2 is that of the header that is sent, in bytes of UTF-8.',
  });
}
