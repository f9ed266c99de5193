import type { Appointment } from './agenda.js';
import type { Broker, Item, Once, Past } from './broker/broker.js';
import type { Instant } from './clock.js';
import type { Frame } from './frames.js';
import type { Maybe } from './maybe.js';
import type { Config } from './options.js';
import type { Parts } from './parts.js';
import type { Limiter } from './rates.js';
import type { SessionStore } from './sessions.js';
import type { Verifier } from './tokens.js';

/** What verified credentials entitle a connection to. */
export interface Grant {
  readonly user: string;
  readonly method: 'token' | 'session';
  /** When the credentials end, in milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
  /** The rooms that may be joined; null: every room. */
  readonly rooms: readonly string[] | null;
  readonly scopes: readonly string[];
  /** The key of the session in its store, where a session was presented. */
  readonly session: string | null;
}

/** Why a connection is closed, and with which code. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** Why a user has left a room, as `leave` events say it. */
export type LeaveReason = 'left' | 'disconnected' | 'removed' | 'unauthorized';

/** A message of the server, before it is encoded. */
export interface Outgoing {
  readonly type: string;
  readonly id?: string;
  readonly ref?: string;
  readonly room?: string;
  readonly from?: string;
  /** Assigned by the broker, in the step that publishes. */
  seq?: number;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A well-formed message of a client: the members that the protocol knows, and nothing else. */
export interface Request {
  type: string;
  id: string | undefined;
  room: string | undefined;
  data: Readonly<Record<string, unknown>>;
  /** What follows the header of a binary message. */
  payload: Buffer | undefined;
}

/** A data message on its way through the gates. */
export interface Incoming {
  readonly bytes: Buffer;
  readonly binary: boolean;
  readonly at: Instant;
  /** The parsed JSON, once it is read. */
  value: unknown;
  /** What is known of the request so far; an error refers to its `id` and `room`. */
  readonly request: Request;
  /** What makes the request recognisable, where it may be repeated. */
  once: Once | null;
}

/** What a step wants done for its own connection, in order. */
export type Effect =
  /** Send this message to the connection. */
  | { readonly do: 'send'; readonly message: Outgoing; readonly payload?: Uint8Array }
  /** Send these events as a replay, as fast as the peer reads them, and all else behind them. */
  | { readonly do: 'replay'; readonly events: readonly Past[] }
  /** Begin to deliver the room's items after `rev` to the connection. */
  | { readonly do: 'enter'; readonly room: string; readonly rev: number }
  /** Deliver no further item of the room to the connection. */
  | { readonly do: 'leave'; readonly room: string }
  /** Close the connection. */
  | { readonly do: 'close'; readonly closing: Closing };

/** Effects that come at once, or later from a broker behind a network. */
export type Outcome = Maybe<readonly Effect[]>;

/** Decides on a message: null lets it pass, effects end it. */
export type Gate = (
  core: Core,
  connection: Connection,
  incoming: Incoming,
) => Maybe<readonly Effect[] | null>;

/** Carries out one type of request that has passed every gate. */
export type Step = (core: Core, connection: Connection, incoming: Incoming) => Outcome;

/** What the core may do to a socket; the shell implements it. */
export interface Link {
  /** Queues a frame; it leaves with the loop's turn. */
  send(frame: Frame): void;
  /** Sends frames as fast as the peer reads them; what is sent later comes after them. */
  replay(frames: Iterable<Frame>): void;
  /** Hands what is queued to the socket. */
  flush(): void;
  /** Sends the Close frame; what is queued was flushed before. */
  close(closing: Closing): void;
  /** The connection was welcomed: its heartbeat begins. */
  welcomed(): void;
  /** Bytes that wait to be read by the peer. */
  queued(): number;
}

/** One connection, as the protocol sees it. */
export interface Connection {
  readonly id: string;
  readonly link: Link;
  /** `awaiting` credentials, `welcomed`, or `ended`. */
  phase: 'awaiting' | 'welcomed' | 'ended';
  grant: Grant;
  /** Whether it ever was welcomed. */
  welcomed: boolean;
  /** The rooms the connection is in, each with the order number it entered at. */
  readonly rooms: Map<string, number>;
  /** What waits for its time on behalf of the connection. */
  alarms: Appointment[];
  /** Logs of the buckets whose scope is the connection. */
  limiters: Map<string, Limiter> | null;
  /** Steady times of refusals within the window, by bucket, for `close_after`. */
  refusals: Map<string, number[]> | null;
  /** Steady times of protocol errors within the window. */
  faults: number[] | null;
  /** The connection's own `server_shutdown`, once it was sent. */
  notice: Notice | null;
}

/** What a connection was told of the shutdown. */
export interface Notice {
  readonly reason: 'restart' | 'shutdown' | 'maintenance';
  readonly grace_ms: number;
  readonly reconnect: boolean;
  readonly retry_after_ms: number;
}

/** The members of one room on this instance. */
export interface LocalRoom {
  readonly name: string;
  readonly members: Set<Connection>;
  /** Connections whose join is under way, and what the room has said since. */
  readonly waiting: Map<Connection, Item[]>;
  /** The highest order number at which a member entered: no later item needs a look at each member. */
  rev: number;
  /** What the shell holds for the room in this turn of the loop. */
  batch: unknown;
}

/** Writes events of the log. */
export type Log = (event: Readonly<Record<string, unknown>>) => void;

/** Counts what `/stats` and `/metrics` tell. */
export interface Counters {
  accepted(at: Instant): void;
  message(type: string): void;
  error(code: string): void;
  close(code: number): void;
}

/** Runs tasks at their time. */
export interface Scheduler {
  /** Runs a task `delay` milliseconds from now. */
  in(delay: number, run: () => void): Appointment;
  /** Takes a task off again. */
  cancel(appointment: Appointment | undefined): void;
}

/** Queues frames for whole rooms; the shell implements it. */
export interface Outbox {
  /** To each member, but those of the user `except`. */
  room(room: LocalRoom, frame: Frame, except: string | undefined): void;
  /** A member has entered: it is owed what is queued from here on. */
  entered(room: LocalRoom, connection: Connection): void;
  /** A member is about to leave: what it is owed leaves first. */
  leaving(room: LocalRoom): void;
}

/** Everything a step may look at: one per server. */
export interface Core {
  readonly config: Config;
  readonly parts: Parts;
  readonly broker: Broker;
  /** Checks signatures; null: no tokens are accepted. */
  readonly verify: Verifier | null;
  /** Finds sessions; null: no sessions are accepted. */
  readonly sessions: SessionStore | null;
  /** Connections that are not welcomed yet. */
  readonly awaiting: Set<Connection>;
  /** Welcomed connections, by id. */
  readonly connections: Map<string, Connection>;
  readonly users: Map<string, Set<Connection>>;
  readonly rooms: Map<string, LocalRoom>;
  /** Requests whose end is awaited, by id and user. */
  readonly executing: Map<string, Promise<unknown>>;
  /** Who is shown as typing: room and user, with the end of it. */
  readonly typing: Map<string, Appointment>;
  readonly out: Outbox;
  readonly counters: Counters;
  /** Null: nothing is logged, and no line is made up. */
  readonly log: Log | null;
  /** The moment now, for what is not caused by a message. */
  readonly now: () => Instant;
  /** Runs a task later; the shell owns the timer. */
  readonly agenda: Scheduler;
  /** A new globally unique id. */
  readonly newId: () => string;
  /** The drain under way, or null. */
  draining: {
    readonly reason: Notice['reason'];
    /** Who was connected when it began. */
    readonly users: ReadonlySet<string>;
    /** Uniform from 0 to 1. */
    readonly random: () => number;
  } | null;
}
