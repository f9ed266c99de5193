import { isUtf8 } from 'node:buffer';
import { refuse } from './errors.js';
import type { Reading } from './messages.js';
import type { Core, Request, Step } from './state.js';

const VERSION = 0x01;
const PREFIX = 3;
const LONGEST_HEADER = 16_384;
const LONGEST_RELAYED = 64_000;

/** The decisions of the chapter `binary`. */
export interface BinaryParts {
  /** Takes a binary message apart: the JSON of its header, and its payload. */
  read(core: Core, bytes: Buffer): Reading;
  /** The parts of a binary message, from the JSON of its header and its payload. */
  write(header: Buffer, payload: Uint8Array): Uint8Array[];
  /** Whether a message of this type may come in this kind of frame. */
  fits(type: string, binary: boolean): boolean;
  /** What of the header's `data` is relayed. */
  relayed(request: Request): Readonly<Record<string, unknown>>;
}

const wrong = (message: string): Reading => ({ code: 'invalid_envelope', message });

/** As the specification has it. */
export const binary: BinaryParts = {
  read(core, bytes) {
    if (bytes.length < PREFIX) return wrong('A binary message begins with three bytes of prefix.');
    if (bytes[0] !== VERSION) return wrong('The first byte of a binary message must be 0x01.');
    const length = bytes.readUInt16BE(1);
    if (length > LONGEST_HEADER) return wrong(`The header is longer than ${LONGEST_HEADER} bytes.`);
    if (PREFIX + length > bytes.length) return wrong('The header is longer than the message.');
    const header = bytes.subarray(PREFIX, PREFIX + length);
    if (!isUtf8(header)) return { code: 'invalid_json', message: 'The header is not UTF-8.' };
    const reading = core.parts.messages.parse(header.toString());
    return 'code' in reading ? reading : { ...reading, payload: bytes.subarray(PREFIX + length) };
  },

  write(header, payload) {
    const prefix = Buffer.allocUnsafe(PREFIX);
    prefix[0] = VERSION;
    prefix.writeUInt16BE(header.length, 1);
    return [prefix, header, payload];
  },

  fits: (type, isBinary) => (type === 'binary') === isBinary,

  relayed({ data: { content_type, name, meta } }) {
    return {
      ...(content_type === undefined ? {} : { content_type }),
      ...(name === undefined ? {} : { name }),
      ...(meta === undefined ? {} : { meta }),
    };
  },
};

/** `binary`: the payload goes to every member, behind a stamped header, in the chat's sequence. */
export const sendBinary: Step = (core, connection, incoming) => {
  const { parts } = core;
  const { request, at } = incoming;
  const data = parts.binary.relayed(request);
  // Written out again, 1e20 takes 21 bytes: a header that came in may be too long to go out.
  if (data['meta'] !== undefined && Buffer.byteLength(JSON.stringify(data)) > LONGEST_RELAYED) {
    const text = 'The member "meta" is too long for a header once its numbers are written out.';
    return refuse(core, connection, request, at, 'invalid_payload', text, { path: '/data/meta' });
  }
  const event = parts.chat.event(core, connection, incoming, data);
  return parts.chat.publish(core, connection, incoming, event);
};
