import type { Message } from '#conformance/harness/message.js';
import type { Expiry } from '#conformance/harness/watchdog.js';
import type { Breach } from './breaches.js';
import type { JudgedRule } from './judged.js';

/** Who opens a connection. */
export interface Identity {
  user: string;
  /** Whether the token bears the scope `parlor:broadcast`. */
  broadcaster: boolean;
  /** Which instance to connect to, modulo their number. */
  instance: number;
}

/** What a connection tells its owner, never during a call of the owner's. */
export interface Hear {
  /** It is its turn to connect. */
  knocked(): void;
  /** The opening handshake is complete: messages may be sent. */
  opened(): void;
  message(message: Message): void;
  /** Something broke a rule by itself; the message it was, if any, follows. */
  malformed(rule: JudgedRule, expected: string, actual: string): void;
  /** The types of the requests under way with this `id`. */
  requested(id: string | undefined): string[];
  /** It is over; 1006 when no Close frame came. */
  closed(code: number, reason: string): void;
}

/** One connection to the server. Messages leave with `flush`, those between two flushes in one segment. */
export interface Line {
  /** Whether it is not its turn yet to connect. */
  readonly waiting: boolean;
  text(text: string): void;
  binary(bytes: Buffer): void;
  flush(): void;
  /** Sends a Close frame. */
  close(): void;
  /** Resets the TCP connection. */
  kill(): void;
  /** Sends the first half of a text message, then resets. */
  cut(text: string): void;
  /** Sends a text message in several frames. */
  pieces(text: string, variant: number): void;
  /** Breaks the rules of frames, so that the server has to end the connection. */
  breach(breach: Breach): void;
  pause(): void;
  read(): void;
  /** Ends the connection without a look back: the conversation is over. */
  drop(): void;
}

/** The way to the server: sockets, or a model of one. */
export interface Network {
  open(identity: Identity, hear: Hear): Line;
  /** Milliseconds of a steady clock. */
  now(): number;
  /** Calls back once the patience for one wait is spent; the returned function ends the wait. */
  patience(spent: (why: Expiry) => void): () => void;
  /** A turn of the event loop, in which messages may go and come. */
  turn(): Promise<void>;
}
