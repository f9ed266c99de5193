import type { Socket } from 'node:net';
import { closePayload, encodeFrame } from '#conformance/harness/frames.js';
import { acceptValue } from '#conformance/harness/handshake.js';

const server = (frame: Parameters<typeof encodeFrame>[0]) => encodeFrame({ mask: false, ...frame });
const TEXT = server({ opcode: 1, payload: '{"type":"noise"}' });

// Completes the handshake, then does as it likes.
const after =
  (act: (socket: Socket) => void) =>
  (socket: Socket): void => {
    socket.once('data', (request) => {
      const key = /sec-websocket-key: (\S+)/i.exec(String(request))?.[1] ?? '';
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptValue(key)}\r\n\r\n`,
      );
      act(socket);
    });
  };

// Writes again and again, as fast as the runner reads.
const flood =
  (bytes: Buffer) =>
  (socket: Socket): void => {
    const more = () => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on('drain', more);
    more();
  };

// Writes a byte now and then, for ever.
const drip =
  (bytes: Buffer) =>
  (socket: Socket): void => {
    let at = 0;
    const timer = setInterval(() => {
      socket.write(bytes.subarray(at % bytes.length, (at % bytes.length) + 1));
      at += 1;
    }, 100);
    socket.on('close', () => clearInterval(timer));
  };

/** The exit code that it deserves, and how it serves a connection. */
export type Hostile = [exit: number, serve: (socket: Socket) => void];

const REFUSED = Buffer.from('HTTP/1.1 403 Forbidden\r\n\r\n');
const many = (bytes: Buffer, times: number) => Buffer.concat(Array<Buffer>(times).fill(bytes));

/** Those that write without end, by what they do: each gets the machine to itself. */
export const loud: Readonly<Record<string, Hostile>> = {
  'answers garbage without end': [4, flood(Buffer.alloc(65_536, 'x'))],
  'sends headers without end': [
    4,
    flood(Buffer.from('HTTP/1.1 101 Switching\r\nX: y\r\n'.repeat(1_000))),
  ],
  'refuses, and its body never ends': [
    4,
    (socket) =>
      void socket.once('data', () =>
        flood(Buffer.concat([REFUSED, Buffer.alloc(65_536, 'x')]))(socket),
      ),
  ],
  'floods with messages': [1, after(flood(many(TEXT, 2_000)))],
  'floods with empty frames': [1, after(flood(many(server({ opcode: 1 }), 20_000)))],
  'floods with Pings': [1, after(flood(many(server({ opcode: 9 }), 20_000)))],
  'fragments without end': [
    1,
    after(
      flood(
        Buffer.concat([
          server({ opcode: 1, fin: false }),
          many(server({ opcode: 0, fin: false, payload: 'x'.repeat(100) }), 500),
        ]),
      ),
    ),
  ],
};

// Answers the request with this.
const once =
  (text: string) =>
  (socket: Socket): void =>
    void socket.once('data', () => socket.write(text));

/** All others, by what they do. */
export const quiet: Readonly<Record<string, Hostile>> = {
  'never answers': [4, () => {}],
  'ends the connection at once': [4, (socket) => socket.end()],
  'resets the connection at once': [4, (socket) => socket.resetAndDestroy()],
  'resets it after the request': [
    4,
    (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  ],
  'answers garbage': [4, (socket) => socket.write(Buffer.alloc(4096, 0xff))],
  'sends its headers byte by byte': [
    4,
    drip(Buffer.from('HTTP/1.1 101 Switching Protocols\r\nX: ')),
  ],
  'answers 200 without an upgrade': [4, once('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')],
  'redirects to itself': [
    4,
    once('HTTP/1.1 302 Found\r\nLocation: /ws\r\nContent-Length: 0\r\n\r\n'),
  ],
  'speaks TLS': [4, (socket) => void socket.write(Buffer.from('15030300020228', 'hex'))],
  'proves itself with a wrong accept': [
    1,
    once(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n',
    ),
  ],
  'ends its half after the handshake, and keeps the other': [
    1,
    after((socket) => void socket.end()),
  ],
  'refuses, and keeps the connection': [
    4,
    (socket) => void socket.once('data', () => socket.write(REFUSED)),
  ],
  'is mute after the handshake': [1, after(() => {})],
  'closes after the handshake': [
    1,
    after((socket) => void socket.end(server({ opcode: 8, payload: closePayload(1000) }))),
  ],
  'drops after the handshake': [1, after((socket) => void socket.destroy())],
  'closes inside a frame': [1, after((socket) => void socket.end(TEXT.subarray(0, 5)))],
  'announces a frame of a gigabyte': [
    1,
    after(
      flood(
        Buffer.concat([server({ opcode: 2, length: 1e9, lengthBits: 64 }), Buffer.alloc(65_536)]),
      ),
    ),
  ],
  'announces a frame of nine exabytes': [
    1,
    after(
      (socket) => void socket.write(server({ opcode: 1, length: 2n ** 63n - 1n, lengthBits: 64 })),
    ),
  ],
  'sends a message byte by byte': [
    1,
    after(drip(server({ opcode: 1, payload: 'x'.repeat(60_000) }))),
  ],
  'masks its frames': [
    1,
    after((socket) => void socket.write(encodeFrame({ opcode: 1, payload: '{}' }))),
  ],
};
