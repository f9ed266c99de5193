import type { Instant } from '../clock.js';
import type { Maybe } from '../maybe.js';
import type { LeaveReason, Outgoing } from '../state.js';

/** One thing that a room's members are told, in the room's order. */
export interface Item {
  readonly room: string;
  /** The item's place among everything the room has said, from 1; never on the wire. */
  readonly rev: number;
  readonly message: Outgoing;
  /** What follows the header of a binary message. */
  readonly payload?: Uint8Array;
  /** The user whose connections are not told. */
  readonly except?: string;
}

/** One connection, as a broker knows it. */
export interface Who {
  readonly user: string;
  readonly connection: string;
}

/** Where a returning client stopped. */
export interface Since {
  readonly epoch: string;
  readonly seq: number;
}

/** Who is in a room. */
export interface Snapshot {
  /** The users, at most 1,000. */
  readonly members: readonly string[];
  /** How many there are, listed or not. */
  readonly count: number;
}

/** An item that is replayed. */
export interface Past {
  readonly message: Outgoing;
  readonly payload?: Uint8Array;
}

/** The room as it was when the join took effect: every item with a higher `rev` is delivered from then on. */
export interface Joined extends Snapshot {
  readonly seq: number;
  readonly epoch: string;
  readonly rev: number;
  /** With `since`: everything after it, or null when a part of it is gone. */
  readonly missed?: readonly Past[] | null;
}

/** What makes a request recognisable when it is repeated. */
export interface Once {
  readonly user: string;
  readonly id: string;
  /** Equal for equal content. */
  readonly digest: string;
}

/** The first `ack` of a request, as it is remembered. */
export interface Remembered {
  readonly digest: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A connection's farewell to a room. */
export interface Parting {
  readonly room: string;
  /** What the room is told before `leave`, if this was the user's last connection there. */
  readonly farewell: Outgoing | null;
}

/** A sequenced message about to be published; the broker sets its `seq`. */
export interface Publication {
  readonly room: string;
  readonly message: Outgoing;
  readonly payload?: Uint8Array;
  readonly once: Once | null;
  readonly at: Instant;
}

/** What a rate limiter says to one message. */
export interface Admission {
  readonly admitted: boolean;
  /** Milliseconds until the same message would be admitted; 0 when it was. */
  readonly retryAfterMs: number;
}

/** A bucket's size and span. */
export interface Window {
  readonly limit: number;
  readonly window_ms: number;
}

/** What a broker calls on its instance. It never calls back before `attach` has resolved. */
export interface Listener {
  /** An item of a room that has members, or joins under way, on this instance; in the room's order. */
  item(item: Item): void;
  /** A personal message to a user. */
  direct(to: string, message: Outgoing): void;
  /** A message to every connection. */
  broadcast(message: Outgoing): void;
  /** A session was revoked, here or on another instance. */
  revoked(session: string): void;
}

/**
 * What the instances of one server share: who is in which room, each room's sequence and history, the users'
 * quotas. Each method answers at once (in memory) or with a promise (over a network). A promise that is
 * rejected with `BackendUnavailable` is told to the client as `backend_unavailable`.
 */
export interface Broker {
  /** Counts one more connection of a user; false when the user already has `limit`. */
  enter(who: Who, limit: number, at: Instant): Maybe<boolean>;

  /** The connection has ended: it leaves these rooms for this reason, and counts no more. */
  exit(who: Who, rooms: readonly Parting[], reason: LeaveReason, at: Instant): Maybe<void>;

  /**
   * Adds a connection to a room, tells the others when it is the user's first there, and resolves once this
   * instance receives every later item of the room. Joining again changes nothing and answers alike.
   */
  join(room: string, who: Who, since: Since | null, at: Instant): Maybe<Joined>;

  /** Takes a connection out of a room and tells the others when it was the user's last there. */
  leave(parting: Parting, who: Who, reason: LeaveReason, at: Instant): Maybe<void>;

  /** Who is in a room. */
  members(room: string): Maybe<Snapshot>;

  /**
   * In one atomic step: assigns the next `seq`, keeps the message for replay, remembers the `ack` under `once`
   * and publishes. A concurrent twin of the same `once` resolves to the first one's `ack`.
   */
  publish(publication: Publication): Maybe<Remembered | { readonly seq: number }>;

  /** Tells a room something that has no `seq` and is not kept. */
  relay(room: string, message: Outgoing, except: string | undefined): Maybe<void>;

  /** Sends to each connection of a user; false, and nothing sent, when there is none. */
  direct(to: string, message: Outgoing): Maybe<boolean>;

  /** Sends to every connection. */
  broadcast(message: Outgoing): Maybe<void>;

  /** The `ack` that a user's request of this id ended in, within the deduplication window; else null. */
  recall(user: string, id: string, at: Instant): Maybe<Remembered | null>;

  /** Remembers the `ack` of a request that was not published to a room. */
  remember(once: Once, data: Readonly<Record<string, unknown>>, at: Instant): Maybe<void>;

  /** Asks the log of one key, over all instances, whether one more message is admitted, and enters it if so. */
  admit(key: string, window: Window, at: Instant): Maybe<Admission>;

  /** Tells every instance that a session was revoked. */
  revoke(session: string): Maybe<void>;

  /** Whether the broker can be reached at present. */
  healthy(): boolean;

  /** How long after an instance's death its users may still be shown, in milliseconds; null: dies with it. */
  readonly presenceTtlMs: number | null;

  /** Drops what has run out of time; called about once a second. */
  sweep(at: Instant): void;

  /** Lets go of every resource. */
  close(): Maybe<void>;
}

/** A store or broker that cannot be reached at present. */
export class BackendUnavailable extends Error {
  override name = 'BackendUnavailable';
}
