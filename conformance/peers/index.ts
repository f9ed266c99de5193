import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Instance, Launcher } from '#conformance/harness/process.js';

/** How a trivial peer treats a connection. */
type Manner = (socket: WebSocket, user: string) => void;

const now = () => new Date().toISOString();

/** A welcome that promises everything and means nothing. */
const welcome = (user: string) => ({
  type: 'welcome',
  timestamp: now(),
  data: {
    protocol: 'parlor.v1',
    server: { name: 'trivial', version: '1' },
    connection_id: randomUUID(),
    user,
    features: [],
    heartbeat: { interval_ms: 400, timeout_ms: 300 },
    auth: { method: 'token', expires_at: null },
    limits: {
      max_message_bytes: 65_536,
      max_text_bytes: 4_096,
      max_rooms: 50,
      max_listed_members: 1_000,
      max_connections_per_user: 10,
      max_protocol_errors: 20,
      protocol_error_window_ms: 1_500,
      max_queue_bytes: 1_048_576,
    },
    rates: [
      {
        bucket: 'messages',
        types: ['chat'],
        limit: 1_000,
        window_ms: 1_500,
        scope: 'user',
        close_after: 0,
      },
    ],
    typing_ttl_ms: 700,
  },
});

const reply = (socket: WebSocket, text: string, type: string, data: object) => {
  let request: { id?: string; room?: string } = {};
  try {
    request = JSON.parse(text);
  } catch {
    // It answers whatever comes: that is its manner.
  }
  const { id, room } = request ?? {};
  socket.send(
    JSON.stringify({
      type,
      ...(id ? { ref: id } : {}),
      ...(room ? { room } : {}),
      timestamp: now(),
      data,
    }),
  );
};

/** Servers that do almost nothing: whatever they pass is too easy. */
export const manners: Readonly<Record<string, Manner | null>> = {
  mute: () => {},
  'closes at once': (socket) => socket.close(1000),
  'echoes everything': (socket) =>
    socket.on('message', (bytes, binary) => socket.send(bytes, { binary })),
  'always errors': (socket, user) => {
    socket.send(JSON.stringify(welcome(user)));
    socket.on('message', (bytes) =>
      reply(socket, String(bytes), 'error', {
        code: 'internal_error',
        message: 'No.',
        retryable: true,
      }),
    );
  },
  'accepts everything': (socket, user) => {
    socket.send(JSON.stringify(welcome(user)));
    socket.on('message', (bytes) => {
      const { type } = /"type":"(?<type>[a-z]+)"/.exec(String(bytes))?.groups ?? {};
      if (type === 'ping') reply(socket, String(bytes), 'pong', {});
      else if (type === 'join')
        reply(socket, String(bytes), 'ack', { members: [user], count: 1, seq: 0, epoch: 'e' });
      else if (type === 'members')
        reply(socket, String(bytes), 'ack', { members: [user], count: 1 });
      else if (type === 'chat') reply(socket, String(bytes), 'ack', { id: 'e1', seq: 1 });
      else reply(socket, String(bytes), 'ack', {});
    });
  },
  'HTTP 404': null,
};

/** Starts a trivial peer in this process. */
export function peer(manner: Manner | null): Launcher {
  return async () => {
    const http: Server = createServer((_request, response) => response.writeHead(404).end());
    const sockets = new Set<WebSocket>();
    if (manner)
      new WebSocketServer({
        server: http,
        handleProtocols: (offers) => [...offers][0] ?? false,
      }).on('connection', (socket, request) => {
        sockets.add(socket);
        socket.on('error', () => {});
        const token = new URL(request.url ?? '/', 'http://peer').searchParams.get('token') ?? '';
        manner(socket, userOf(token));
      });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    let end: (how: { status: number; signal: null }) => void = () => {};
    const exited = new Promise<{ status: number | null; signal: string | null }>((resolve) => {
      end = resolve;
    });
    let running = true;
    const stop = async () => {
      running = false;
      for (const socket of sockets) socket.terminate();
      http.closeAllConnections();
      http.close(() => end({ status: 0, signal: null }));
      await exited;
    };
    const instance: Instance = {
      url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`,
      signal: () => void stop(),
      exited,
      output: { stdout: '', stderr: '' },
      get running() {
        return running;
      },
      stop,
    };
    return instance;
  };
}

function userOf(token: string): string {
  try {
    return (
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub ?? 'anybody'
    );
  } catch {
    return 'anybody';
  }
}
