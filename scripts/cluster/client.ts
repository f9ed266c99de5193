import { WebSocket } from 'ws';
import type { Message } from '#conformance/harness/message.js';

/** What became of a chat. */
export interface Said {
  readonly text: string;
  readonly at: number;
  /** The reply; null: none came, for the connection ended. */
  reply: Message | null;
}

/** A user who chats in one room, and keeps everything that arrives. */
export class Client {
  readonly label: string;
  readonly events: { message: Message; at: number }[] = [];
  epoch = '';
  seq = 0;
  /** Why the connection ended; null while it is open. */
  ended: string | null = null;
  readonly #socket: WebSocket;
  readonly #replies = new Map<string, (reply: Message | null) => void>();
  #ids = 0;

  private constructor(socket: WebSocket, label: string) {
    this.label = label;
    this.#socket = socket;
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Message));
    socket.on('close', (code, reason) => {
      this.ended = `${code} ${String(reason)}`.trim();
      for (const settle of this.#replies.values()) settle(null);
      this.#replies.clear();
    });
    socket.on('error', () => {
      // The event `close` follows, and says it.
    });
  }

  /** Connects, and resolves when welcomed. */
  static async connect(url: string, token: string, label: string): Promise<Client> {
    const socket = new WebSocket(`${url}?token=${token}`, 'parlor.v1');
    const client = new Client(socket, label);
    await new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve());
      socket.once('close', (code, reason) => reject(new Error(`${label}: ${code} ${reason}`)));
    });
    return client;
  }

  /** Joins the room. */
  async join(room: string): Promise<void> {
    const reply = await this.request('join', {}, room);
    if (reply?.type !== 'ack')
      throw new Error(`${this.label} could not join: ${JSON.stringify(reply)}`);
    this.epoch = reply.data.epoch ?? '';
    this.seq = reply.data.seq ?? 0;
  }

  /** Chats; resolves with whatever it ended in. */
  async chat(room: string, text: string): Promise<Said> {
    const at = performance.now();
    return { text, at, reply: await this.request('chat', { text }, room) };
  }

  /** Milliseconds of a ping's round trip; null when the connection ended. */
  async ping(): Promise<number | null> {
    const at = performance.now();
    return (await this.request('ping', {})) ? performance.now() - at : null;
  }

  /** Sends a request; resolves to its reply, or null when the connection ends first. */
  request(type: string, data: object, room?: string): Promise<Message | null> {
    if (this.ended !== null) return Promise.resolve(null);
    this.#ids += 1;
    const id = `${this.label}-${this.#ids}`;
    return new Promise((resolve) => {
      this.#replies.set(id, resolve);
      this.#socket.send(
        JSON.stringify({ type, id, data, ...(room === undefined ? {} : { room }) }),
      );
    });
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(message: Message): void {
    if (message.ref === undefined) {
      if (message.type === 'chat' || message.type === 'gap')
        this.events.push({ message, at: performance.now() });
      return;
    }
    this.#replies.get(message.ref)?.(message);
    this.#replies.delete(message.ref);
  }
}
