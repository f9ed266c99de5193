import { isUtf8 } from 'node:buffer';

/** The members of `data` that the protocol knows; what a server really sent may differ, and is then a finding. */
export interface Data {
  text?: string;
  meta?: Record<string, unknown>;
  user?: string;
  reason?: string;
  active?: boolean;
  members?: string[];
  count?: number;
  truncated?: boolean;
  seq?: number;
  epoch?: string;
  id?: string;
  duplicate?: boolean;
  recovered?: boolean;
  replayed?: number;
  replay?: boolean;
  code?: string;
  message?: string;
  retryable?: boolean;
  retry_after_ms?: number;
  path?: string;
  limit?: number;
  bucket?: string;
  to?: string;
  expires_at?: string | null;
  in_ms?: number;
  grace_ms?: number;
  reconnect?: boolean;
  from_seq?: number;
  to_seq?: number | null;
  content_type?: string;
  name?: string;
  [member: string]: unknown;
}

/** One message as it came. What is no message at all has the type `(text)` or `(binary)`. */
export interface Message {
  type: string;
  data: Data;
  timestamp?: string;
  id?: string;
  ref?: string;
  room?: string;
  from?: string;
  seq?: number;
  /** The bytes after the header of a binary message. */
  payload?: Buffer;
  [member: string]: unknown;
}

/** A message with its place in the order of arrival. */
export interface Received {
  message: Message;
  /** As it came: text, or bytes of a binary message. */
  raw: Buffer;
  /** When its last byte arrived, in milliseconds of `performance.now()`. */
  at: number;
}

/** Why bytes are not a message. */
export interface NotAMessage {
  fault: string;
}

const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Whether what was read is a message. */
export function isMessage(parsed: Message | NotAMessage): parsed is Message {
  return 'type' in parsed;
}

/** Reads a text message; a fault when it is not exactly one I-JSON object. */
export function parseText(raw: Buffer): Message | NotAMessage {
  if (!isUtf8(raw)) return { fault: 'a text message is not UTF-8' };
  const text = raw.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: `a text message is not JSON: ${brief(text)}` };
  }
  if (!isObject(value)) return { fault: `a text message is no JSON object: ${brief(text)}` };
  const doubled = countMembers(text) !== countOwn(value);
  if (doubled) return { fault: `a JSON object has a member twice: ${brief(text)}` };
  // A lone surrogate is legal JSON and no I-JSON; only an escape can spell one here.
  if (/\\u[dD][89a-fA-F]/.test(text) && hasLoneSurrogate(value))
    return { fault: `a string has a lone surrogate: ${brief(text)}` };
  if (typeof value['type'] !== 'string') return { fault: `a message has no type: ${brief(text)}` };
  return { ...value, type: value['type'], data: isObject(value['data']) ? value['data'] : {} };
}

/** Reads a binary message: version 1, a 16-bit header length, the header, the payload. */
export function parseBinary(raw: Buffer): Message | NotAMessage {
  if (raw.length < 3 || raw[0] !== 1)
    return { fault: 'a binary message does not begin with 0x01 and a header length' };
  const end = 3 + raw.readUInt16BE(1);
  if (end > raw.length)
    return {
      fault: `a binary message of ${raw.length} bytes announces a header up to byte ${end}`,
    };
  const header = parseText(raw.subarray(3, end));
  if (!isMessage(header))
    return { fault: `the header of a binary message is wrong: ${header.fault}` };
  return { ...header, payload: raw.subarray(end) };
}

/** Builds a binary message out of its header and payload. */
export function buildBinary(header: unknown, payload: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(3);
  head[0] = 1;
  head.writeUInt16BE(json.length, 1);
  return Buffer.concat([head, json, payload]);
}

/** Whether a message is an event of the application: its own business, at any time. */
export function isApplications({ type, ref }: Message): boolean {
  return type.startsWith('x.') && ref === undefined;
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` has everything that `match` has, recursively; arrays and scalars have to be equal. */
export function matches(value: unknown, match: unknown): boolean {
  if (isObject(match)) {
    return (
      isObject(value) &&
      Object.entries(match).every(([key, each]) =>
        each === undefined ? !Object.hasOwn(value, key) : matches(value[key], each),
      )
    );
  }
  if (Array.isArray(match))
    return (
      Array.isArray(value) &&
      value.length === match.length &&
      match.every((each, index) => matches(value[index], each))
    );
  return Object.is(value, match) || value === match;
}

/** A message in a few words, for failure texts. */
export function describe({ type, data, room, ref, payload }: Message): string {
  const inner = type === 'error' ? ` ${plain(data.code)}` : '';
  const of = ref === undefined ? '' : ` to ${plain(ref)}`;
  return `${type}${inner}${of}${room === undefined ? '' : ` in ${plain(room)}`}${payload ? ` with ${payload.length} bytes` : ''}`;
}

// Of a wrong server these may be anything, also an object that cannot be made a text.
function plain(value: unknown): string {
  return typeof value === 'string' ? value : `${JSON.stringify(value)}`;
}

function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return [...Object.keys(value), ...Object.values(value)].some(hasLoneSurrogate);
}

function brief(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

// Every colon outside a string belongs to one member.
// A string before a colon names a member. Strings are leapt over: events are long for what they carry.
function countMembers(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = closingQuote(text, at) + 1;
    while (isBlank(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === COLON) count += 1;
  }
  return count;
}

// It is escaped after an odd number of backslashes.
function closingQuote(text: string, opening: number): number {
  for (let at = text.indexOf('"', opening + 1); ; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
}

const isBlank = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

function countOwn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const each of Object.values(value)) count += countOwn(each);
  return count;
}
