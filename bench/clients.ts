import { SignJWT } from 'jose';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

/** One client under measurement, whatever it speaks. */
export interface Client {
  join(room: string): Promise<void>;
  say(room: string, text: string): void;
  /** One round trip on the application's level. */
  ping(): Promise<void>;
  /** Receives the text of every chat. */
  onText: (text: string) => void;
  close(): void;
}

/** Opens a connection of a user and resolves when it is ready. */
export type Connect = (port: number, user: string) => Promise<Client>;

/** The secret that the reference server is started with. */
export const SECRET = 'a secret for measurements, 32 bytes or more';

async function token(user: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

/** The endpoint of the reference server, with a token of the user. */
export const parlorUrl = async (port: number, user: string): Promise<string> =>
  `ws://127.0.0.1:${port}/ws?token=${await token(user)}`;

/** JSON over WebSocket: the reference server, and the plain loop. */
const overWebSocket =
  (url: (port: number, user: string) => Promise<string>, greeted: boolean): Connect =>
  async (port, user) => {
    const socket = new WebSocket(await url(port, user), {
      perMessageDeflate: false,
    });
    // Replies come in the order of the requests.
    const waiting: (() => void)[] = [];
    let id = 0;
    const client: Client = {
      onText: () => {},
      join: (room) => ask({ type: 'join', room }),
      say: (room, text) => socket.send(JSON.stringify({ type: 'chat', room, data: { text } })),
      ping: () => ask({ type: 'ping', data: { n: 1 } }),
      close: () => socket.terminate(),
    };
    const ask = (message: object) =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        id += 1;
        socket.send(JSON.stringify({ ...message, id: String(id) }));
      });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      if (!greeted) socket.once('open', resolve);
      socket.on('message', (bytes: Buffer) => {
        const message = JSON.parse(bytes.toString());
        if (message.type === 'chat') client.onText(message.data.text);
        else if (message.type === 'welcome') resolve();
        else if (message.type === 'ack' || message.type === 'pong') waiting.shift()?.();
        else if (message.type === 'error') throw new Error(JSON.stringify(message));
      });
    });
    return client;
  };

const overSocketIo: Connect = async (port) => {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
  });
  const client: Client = {
    onText: () => {},
    join: (room) => new Promise((resolve) => socket.emit('join', room, () => resolve())),
    say: (room, text) => void socket.emit('chat', room, text),
    ping: () => new Promise((resolve) => socket.emit('ping_', { n: 1 }, () => resolve())),
    close: () => void socket.disconnect(),
  };
  socket.on('chat', ({ text }: { text: string }) => client.onText(text));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return client;
};

/** How each server under measurement is spoken to. */
export const clients = {
  parlor: overWebSocket(parlorUrl, true),
  plain: overWebSocket(async (port) => `ws://127.0.0.1:${port}`, false),
  socketio: overSocketIo,
} as const satisfies Record<string, Connect>;

/** A server under measurement. */
export type ServerName = keyof typeof clients;
