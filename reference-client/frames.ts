/** A message of the server, as far as every message is alike. */
export interface Incoming {
  readonly type: string;
  readonly id?: string;
  readonly ref?: string;
  readonly room?: string;
  readonly from?: string;
  readonly seq?: number;
  readonly timestamp?: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The bytes of a `binary`. */
  readonly payload?: Uint8Array;
}

/** A message as it goes to a socket. */
export type Frame = string | Uint8Array<ArrayBuffer>;

const STRINGS = ['id', 'ref', 'room', 'from', 'timestamp'] as const;
const VERSION = 1;
const PREFIX = 3;
const LONGEST_HEADER = 16_384;

/** Reads what a socket gave; undefined when it is no valid envelope. */
export function decode(data: unknown): Incoming | undefined {
  if (typeof data === 'string') return envelope(data);
  if (data instanceof ArrayBuffer) return binary(new Uint8Array(data));
  return undefined;
}

/** Writes a message; with a payload, as a binary one. */
export function encode(message: object, payload?: Uint8Array): Frame {
  const text = JSON.stringify(message);
  if (!payload) return text;
  const header = new TextEncoder().encode(text);
  if (header.length > LONGEST_HEADER)
    throw new RangeError(
      `expected a header of at most ${LONGEST_HEADER} bytes in a binary message, got ${header.length}`,
    );
  const frame = new Uint8Array(PREFIX + header.length + payload.length);
  frame.set([VERSION, header.length >> 8, header.length & 0xff]);
  frame.set(header, PREFIX);
  frame.set(payload, PREFIX + header.length);
  return frame;
}

/** The length of a message on the wire, in bytes. */
export function lengthOf(frame: Frame): number {
  return typeof frame === 'string' ? new TextEncoder().encode(frame).length : frame.length;
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function binary(bytes: Uint8Array): Incoming | undefined {
  const [version, high = 0, low = 0] = bytes;
  const end = PREFIX + high * 256 + low;
  if (version !== VERSION || bytes.length < end) return undefined;
  const header = envelope(new TextDecoder().decode(bytes.subarray(PREFIX, end)));
  return header?.type === 'binary' ? { ...header, payload: bytes.subarray(end) } : undefined;
}

function envelope(text: string): Incoming | undefined {
  const value = parse(text);
  if (!isObject(value) || typeof value['type'] !== 'string') return undefined;
  if (STRINGS.some((name) => !['string', 'undefined'].includes(typeof value[name])))
    return undefined;
  if (value['seq'] !== undefined && !Number.isSafeInteger(value['seq'])) return undefined;
  const data = value['data'] ?? {};
  return isObject(data) ? ({ ...value, data } as unknown as Incoming) : undefined;
}

// Text that is no JSON is no envelope; the caller ignores both alike.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
