import type { FrameFault } from './faults.js';
import type { Journal } from './journal.js';
import type { Message } from './message.js';
import type { Outages } from './outages.js';
import type { Amount, Surplus } from './surplus.js';
import type { Expiry } from './watchdog.js';

/** What a connection needs of the check that it belongs to. */
export interface Host {
  readonly journal: Journal;
  /** Whether the target speaks Parlor; else it is any WebSocket server. */
  readonly parlor: boolean;
  /** Whether this is the last attempt: then a target that stopped answering is at fault. */
  readonly final: boolean;
  watch(expire: (why: Expiry) => void, extraMs: number): () => void;
  finding(fault: FrameFault): void;
  /** The wire's name of a room's label. */
  room(label: string): string;
  /** An `id` that no other request of this check has. */
  nextId(): string;
  /** A text for a chat that only fences. */
  fence(): string;
  /** Whether no check asks for a message: it only fences, or is a broadcast of another check. */
  isAside(message: Message): boolean;
  /** Takes a mistake of ours that surfaced in an event. */
  bug(error: unknown): void;
  /** Bytes and frames that all connections of this check have sent. */
  readonly sent: Amount;
  /** What all connections of the run have received unasked. */
  readonly surplus: Surplus;
  /** What the target said of its store and broker. */
  readonly outages: Outages;
}
