import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { HttpRefusal, Opening } from './handshake.js';
import type { Link } from './link.js';
import type { Config } from './options.js';
import type { Parts } from './parts.js';

const NO_CODE = 1005;

/** The library's connection, which tells its link before any Close frame leaves. */
export class ParlorSocket extends WebSocket {
  link: Link | null = null;

  override close(code?: number, reason?: string | Buffer): void {
    this.link?.ended({ code: code ?? NO_CODE, reason: reason?.toString() ?? '' });
    super.close(code, reason);
  }
}

/** The upgrade request, as far as the protocol looks at it. */
export function opening(request: IncomingMessage): Opening {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const { headers } = request;
  return {
    method: request.method ?? '',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    version: headers['sec-websocket-version'],
    origin: headers.origin,
    offers: (headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map((offer) => offer.trim())
      .filter((offer) => offer !== ''),
    authorization: all(request, 'authorization'),
    cookies: all(request, 'cookie'),
  };
}

/** Every value of a header: Node's own view keeps only the first `Authorization`. */
function all({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '');
  return values;
}

/** The library, set up as the parts say; it decides nothing but framing. */
export function createUpgrader(
  config: Config,
  parts: Parts,
  selected: (request: IncomingMessage) => string | null,
) {
  const { transport, limits } = parts;
  const options = {
    noServer: true,
    clientTracking: false,
    WebSocket: ParlorSocket,
    autoPong: false,
    allowSynchronousEvents: transport.coalesced,
    skipUTF8Validation: transport.skipUtf8Validation,
    maxFragments: transport.maxFragments,
    closeTimeout: transport.closeTimeoutMs,
    maxPayload: limits.messageBytes(config),
    perMessageDeflate: config.deflate,
    handleProtocols: (_offers: Set<string>, request: IncomingMessage) => selected(request) ?? false,
  };
  return new WebSocketServer(options);
}

/** Lets the parts see, and change, every byte of a socket. */
export function tap(
  socket: Socket,
  request: IncomingMessage,
  { rawInbound, rawOutbound, socket: change }: Parts['transport'],
): void {
  change?.(socket, request);
  if (rawInbound) {
    const push = socket.push.bind(socket);
    socket.push = (chunk, ...rest) =>
      push(Buffer.isBuffer(chunk) ? rawInbound(chunk) : chunk, ...rest);
  }
  if (rawOutbound) {
    const write = socket.write.bind(socket) as (chunk: Buffer, ...rest: unknown[]) => boolean;
    socket.write = (chunk: string | Uint8Array, ...rest: unknown[]) =>
      write(rawOutbound(Buffer.from(chunk as string)), ...rest.filter((it) => it !== 'utf8'));
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  503: 'Service Unavailable',
};

/** Answers an upgrade request over HTTP, with a problem (RFC 9457), and ends its connection. */
export function answerUpgrade(socket: Socket, { status, detail, headers }: HttpRefusal): void {
  const title = TITLES[status] ?? 'Refused';
  const body = JSON.stringify({ title, status, detail });
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
