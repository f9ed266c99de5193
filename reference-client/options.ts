import type { Clock, SocketConstructor } from './surroundings.js';

/** What a client is made of; whatever is left out has its default. */
export interface ClientOptions {
  /** The WebSocket endpoint, without a token. */
  readonly url: string;
  /** Gives a token; it is asked for each connection, and before a token expires. Without it, the session's cookie counts. */
  readonly token?: () => string | Promise<string>;
  /** Where the token goes: `query` unless said, or `message` on servers that announce `auth_message`. */
  readonly authentication?: 'query' | 'message';
  /** The constructor of sockets: the platform's unless said. */
  readonly WebSocket?: SocketConstructor;
  /** How many messages are held at most that were not sent or not answered; 1,000 unless said. */
  readonly queueLimit?: number;
  readonly clock?: Clock;
  /** Gives numbers from 0 to 1, 1 excluded. */
  readonly random?: () => number;
}

/** What goes beside a text. */
export interface TextOptions {
  /** What the application wants to say beside the text. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Takes the message back while it has not been sent. */
  readonly signal?: AbortSignal;
}

/** What goes beside the data of a message of the application's own types. */
export interface CustomOptions {
  /** The room that the message is for; it then waits until the room is entered. */
  readonly room?: string;
  /** Takes the message back while it has not been sent. */
  readonly signal?: AbortSignal;
}

/** What goes beside a payload. */
export interface BinaryOptions extends TextOptions {
  /** Media type of the payload. */
  readonly contentType?: string;
  /** A file name. */
  readonly name?: string;
}

/** The constructor of sockets, or an error that says what to do. */
export function socketOf({ WebSocket }: ClientOptions): SocketConstructor {
  const given = WebSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof given === 'function') return given as SocketConstructor;
  throw new TypeError(
    'expected the option WebSocket, as this platform has no WebSocket of its own, got none',
  );
}

/** Makes ids: a user's requests are known by them over all connections and page loads, so each client draws a prefix. */
export function ids(): () => string {
  const drawn = crypto.getRandomValues(new Uint32Array(3));
  const prefix = Array.from(drawn, (each) => each.toString(36)).join('');
  let count = 0;
  return () => `${prefix}-${(count++).toString(36)}`;
}
