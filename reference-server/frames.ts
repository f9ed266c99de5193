/** One encoded WebSocket message, ready to be written to any number of sockets. */
export interface Frame {
  /** The whole frame: header and payload, unmasked, not fragmented. */
  readonly bytes: Buffer;
  /** Where the payload begins. */
  readonly offset: number;
  readonly binary: boolean;
}

const TEXT = 0x81;
const BINARY = 0x82;

/** Room for an RFC 6455 header before a payload of so many bytes, the header written. */
function allocate(first: number, length: number): { bytes: Buffer; offset: number } {
  const offset = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(offset + length);
  bytes[0] = first;
  if (offset === 2) bytes[1] = length;
  else if (offset === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(0, 2);
    bytes.writeUInt32BE(length, 6);
  }
  return { bytes, offset };
}

/** A text message as one frame. */
export function textFrame(text: string): Frame {
  const { bytes, offset } = allocate(TEXT, Buffer.byteLength(text));
  bytes.write(text, offset);
  return { bytes, offset, binary: false };
}

/** A binary message as one frame; its parts are joined. */
export function binaryFrame(parts: readonly Uint8Array[]): Frame {
  let length = 0;
  for (const part of parts) length += part.length;
  const { bytes, offset } = allocate(BINARY, length);
  let at = offset;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, offset, binary: true };
}

/** What a frame carries, without its header. */
export function payloadOf(frame: Frame): Buffer {
  return frame.bytes.subarray(frame.offset);
}
