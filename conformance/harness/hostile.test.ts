import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { check } from './check.js';
import { closePayload, encodeFrame } from './frames.js';
import { acceptValue } from './handshake.js';
import { runConformance } from './run.js';

const TOKEN = { algorithm: 'HS256', secret: 'a secret' } as const;

// One check of each kind: what needs a welcome, what only opens, what only speaks frames.
const checks = [
  check('rooms-join-acked', async ({ connect }) => {
    const ann = await connect('ann');
    await ann.joins('lounge');
  }),
  check('authentication-token-missing', async ({ open }) => {
    const peer = await open();
    await peer.closes(4001, 'token_missing');
  }),
  check('transport-ping-payload-echoed', async ({ open, mint }) => {
    const peer = await open({ token: mint('ann') });
    await peer.echoesPing('x'.repeat(125));
  }),
  check('handshake-origin-foreign-refused', async ({ open, mint, equal }) => {
    const { response } = await open({ token: mint('ann'), origin: 'https://evil.test' });
    equal(response.status, 403, 'the HTTP status');
  }),
];

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
type Hostile = [exit: number, serve: (socket: Socket) => void];

const REFUSED = Buffer.from('HTTP/1.1 403 Forbidden\r\n\r\n');
const many = (bytes: Buffer, times: number) => Buffer.concat(Array<Buffer>(times).fill(bytes));

// Those that write without end get the machine to themselves.
const loud: Record<string, Hostile> = {
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

const quiet: Record<string, Hostile> = {
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

async function survive(exit: number, serve: (socket: Socket) => void): Promise<void> {
  const before = process.memoryUsage().rss;
  const sockets = new Set<Socket>();
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/ws`;
  const end = await runConformance(
    { url, token: TOKEN },
    { checks, patienceMs: 1_000, doubts: false },
  );
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => listener.close(resolve));
  expect([end.exit_code, end.summary]).toEqual([exit, expect.any(String)]);
  expect(process.memoryUsage().rss, 'resident memory in bytes').toBeLessThan(before + 300e6);
  if (exit === 1) expect(end.totals.fail).toBeGreaterThanOrEqual(2);
}

describe('a hostile target that', () => {
  it.concurrent.each(Object.entries(quiet))('%s is survived', (_, [exit, serve]) =>
    survive(exit, serve),
  );

  it.each(Object.entries(loud))('%s is survived', (_, [exit, serve]) => survive(exit, serve));
});
