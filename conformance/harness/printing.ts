import type { FrameInit } from './frames.js';
import type { RequestInit } from './handshake.js';

/** An opening handshake on one line. */
export function printRequest(url: URL, request: RequestInit): string {
  if (request.raw !== undefined) return printBytes(Buffer.from(request.raw as Uint8Array));
  const query = (request.query ?? []).map(([name, value]) => `${name}=${value}`).join('&');
  const path = `${request.path ?? url.pathname}${query ? `?${query}` : ''}`;
  const parts = [`${request.method ?? 'GET'} ${path}`];
  if (request.subprotocols?.length) parts.push(`subprotocols ${request.subprotocols.join(', ')}`);
  if (request.origin !== undefined) parts.push(`Origin ${request.origin}`);
  if (request.cookie !== undefined) parts.push(`Cookie ${request.cookie}`);
  if (request.extensions !== undefined) parts.push(`extensions ${request.extensions}`);
  for (const [name, value] of Object.entries(request.headers ?? {}))
    parts.push(`${name}: ${value ?? '(left out)'}`);
  return parts.join('; ');
}

/** A frame that is sent, with what is odd about it. */
export function printFrame(frame: FrameInit): string {
  const { opcode, payload = '', fin = true, rsv = 0, mask = true, length } = frame;
  const odd = [
    !fin && 'not final',
    rsv !== 0 && `reserved bits ${rsv.toString(2).padStart(3, '0')}`,
    !mask && 'not masked',
    length !== undefined && `claims ${length} bytes`,
  ].filter((each) => each !== false);
  const bytes = Buffer.from(payload as Uint8Array);
  const size = `opcode ${opcode}, ${bytes.length} bytes`;
  return `${size}${odd.length > 0 ? ` (${odd.join(', ')})` : ''}: ${printBytes(bytes)}`;
}

/** The kind of timeline entry that a frame makes. */
export function kindOf(opcode: number): 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'tcp' {
  const names = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' } as const;
  return names[opcode as keyof typeof names] ?? 'tcp';
}

/** The first bytes as text where they are text, else in hexadecimal. */
export function printBytes(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 500));
  const text = head.toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const binary = /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text);
  return binary ? `0x${head.subarray(0, 64).toString('hex')}` : text;
}
