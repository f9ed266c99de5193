import { createHash, randomBytes } from 'node:crypto';
import type { RuleId } from './requirements.js';

/** What an opening handshake asks; everything can be overridden or left out. */
export interface RequestInit {
  /** Path and query that replace the target's own; the query parameters below are added. */
  path?: string | undefined;
  /** Query parameters to add, in order; values are percent-encoded. */
  query?: readonly (readonly [name: string, value: string])[] | undefined;
  /** `Sec-WebSocket-Protocol`, one line; default none. */
  subprotocols?: readonly string[] | undefined;
  origin?: string | undefined;
  /** `Cookie`, as it is sent. */
  cookie?: string | undefined;
  /** `Sec-WebSocket-Extensions`, as it is sent. */
  extensions?: string | undefined;
  /** Header lines to add or replace (by name, in any case); null leaves the line out, a list repeats it. */
  headers?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  /** Default GET. */
  method?: string | undefined;
  /** The whole request, byte for byte; nothing above applies. */
  raw?: string | Uint8Array | undefined;
}

/** The server's answer to the opening handshake; status 0 means that none came. */
export interface HandshakeResponse {
  status: number;
  statusText: string;
  /** Header values by lower-case name, repeated ones joined by `, `. */
  headers: Readonly<Record<string, string>>;
  /** The body of a refusal, as far as it had arrived; at most 64 KiB. */
  body: string;
  /** The subprotocol that the server selected. */
  subprotocol: string | undefined;
  /** What is wrong with it, whatever the check is about. */
  faults: ResponseFault[];
}

/** Something wrong with an answer to the opening handshake. */
export interface ResponseFault {
  rule: RuleId;
  text: string;
}

/** A response that is no HTTP, or never ends its headers. */
export class NotHttp extends Error {
  override readonly name = 'NotHttp';
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_HEAD = 65_536;

/** Builds the request and the key that its answer has to match. */
export function buildRequest(url: URL, init: RequestInit): { bytes: Buffer; key: string } {
  const key = randomBytes(16).toString('base64');
  if (init.raw !== undefined) {
    const bytes = Buffer.from(init.raw as Uint8Array);
    const given = /^sec-websocket-key:[ \t]*(\S*)/im.exec(bytes.toString('latin1'));
    return { bytes, key: given?.[1] ?? key };
  }
  const lines = new Map<string, [name: string, values: readonly string[]]>();
  const put = (name: string, ...values: string[]) => lines.set(name.toLowerCase(), [name, values]);
  put('Host', url.host);
  put('Upgrade', 'websocket');
  put('Connection', 'Upgrade');
  put('Sec-WebSocket-Key', key);
  put('Sec-WebSocket-Version', '13');
  if (init.subprotocols?.length) put('Sec-WebSocket-Protocol', init.subprotocols.join(', '));
  if (init.extensions !== undefined) put('Sec-WebSocket-Extensions', init.extensions);
  if (init.origin !== undefined) put('Origin', init.origin);
  if (init.cookie !== undefined) put('Cookie', init.cookie);
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    if (value === null) lines.delete(name.toLowerCase());
    else put(name, ...(typeof value === 'string' ? [value] : value));
  }
  const head = [
    `${init.method ?? 'GET'} ${requestPath(url, init)} HTTP/1.1`,
    ...[...lines.values()].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`)),
  ];
  return {
    bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n`),
    key: lines.get('sec-websocket-key')?.[1][0] ?? key,
  };
}

function requestPath(url: URL, { path, query }: RequestInit): string {
  const base = path ?? `${url.pathname}${url.search}`;
  if (!query?.length) return base;
  const added = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `${base}${base.includes('?') ? '&' : '?'}${added}`;
}

/**
 * Reads the head of a response; undefined while it is not complete.
 *
 * @throws NotHttp when it is none
 */
export function readResponse(
  bytes: Buffer,
): { response: HandshakeResponse; rest: Buffer } | undefined {
  const start = bytes.subarray(0, 5).toString('latin1');
  if (start !== 'HTTP/'.slice(0, start.length))
    throw new NotHttp(
      `the answer begins with ${JSON.stringify(bytes.subarray(0, 40).toString('latin1'))}, not with HTTP/1.1`,
    );
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    if (bytes.length > MAX_HEAD)
      throw new NotHttp(`the answer's headers do not end within ${MAX_HEAD} bytes`);
    return undefined;
  }
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const match = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: (.*))?$/.exec(statusLine);
  if (!match)
    throw new NotHttp(`the answer's first line is ${JSON.stringify(statusLine.slice(0, 100))}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0)
      throw new NotHttp(`the answer has the header line ${JSON.stringify(line.slice(0, 100))}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  const response = {
    status: Number(match[1]),
    statusText: match[2] ?? '',
    headers,
    body: '',
    subprotocol: headers['sec-websocket-protocol'],
    faults: [],
  };
  return { response, rest: bytes.subarray(end + 4) };
}

/** What is wrong with a 101 response to a request with this key. */
export function judgeSwitch(
  { headers, subprotocol }: HandshakeResponse,
  key: string,
  request: RequestInit,
): ResponseFault[] {
  const faults: ResponseFault[] = [];
  const accept = headers['sec-websocket-accept'];
  if (accept !== acceptValue(key))
    faults.push({
      rule: 'transport-accept-value-correct',
      text: `Sec-WebSocket-Accept is ${JSON.stringify(accept ?? 'absent')}, and for this key it has to be ${acceptValue(key)}`,
    });
  // A request given byte for byte says in its own header lines what it offers.
  const offered =
    request.raw === undefined && !hasHeader(request, 'sec-websocket-protocol')
      ? (request.subprotocols ?? [])
      : undefined;
  if (subprotocol !== undefined && offered && !offered.includes(subprotocol))
    faults.push({
      rule: 'handshake-unoffered-never-selected',
      text: `the server selected the subprotocol ${JSON.stringify(subprotocol)}; offered: ${offered.join(', ') || 'none'}`,
    });
  return faults;
}

function hasHeader({ headers }: RequestInit, name: string): boolean {
  return Object.keys(headers ?? {}).some((each) => each.toLowerCase() === name);
}

/** The `Sec-WebSocket-Accept` that belongs to a key. */
export function acceptValue(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
