import type { Message } from '#conformance/harness/message.js';
import type { Rate, Welcome } from '#schemas/types.js';
import type { JudgedRule } from './judged.js';
import { brief } from './script.js';

/** What every entry has: the connection it belongs to and when it was recorded. */
interface Recorded {
  /** Number of the connection, from 0 in the order of opening. */
  connection: number;
  /** Milliseconds of a steady clock since the trace began. */
  at: number;
}

/** The runner begins to open a connection. */
export interface Opened extends Recorded {
  kind: 'open';
  /** The client of the script whose connection this is. */
  client: number;
  /** The user of its token, as on the wire. */
  user: string;
  /** Whether its token bears the scope `parlor:broadcast`. */
  broadcaster: boolean;
  /** The instance it was opened at; 0 where there is one. */
  instance: number;
  /** When it was its turn to connect, in the milliseconds of `at`. */
  knockedAt?: number;
}

/** The runner hands a message to the socket; it is recorded before the bytes are written. */
export interface Sent extends Recorded {
  kind: 'send';
  /** The message; what is none on purpose has the type `(text)`. */
  message: Message;
  /** For a message that is wrong on purpose: the errors that may answer it, and the rule that says so. */
  faulty?: Faulty;
  /** The operation of the script that this belongs to; absent for the fence. */
  operation?: number;
}

/** What is to become of a message that is wrong on purpose. */
export interface Faulty {
  /** What is wrong, in a few words. */
  label: string;
  rule: JudgedRule;
  /** Error codes that may answer it; `ack` where it may be taken for what it seems to be. */
  codes: string[];
  /** The type of request that it may be taken for, and counts as then. */
  as?: string;
  /** Where the `path` of an `invalid_payload` has to point. */
  path?: string;
  /** Whether the reply may lack `ref`, as the `id` may be out of reach. */
  loose?: boolean;
}

/** A message came in. */
export interface Received extends Recorded {
  kind: 'receive';
  message: Message;
}

/** Something came in that breaks a rule by itself, whatever the conversation. */
export interface Malformed extends Recorded {
  kind: 'malformed';
  rule: JudgedRule;
  /** The acceptable outcome, one sentence. */
  expected: string;
  /** What came instead. */
  actual: string;
}

/** The runner begins to end a connection: by a Close frame, a TCP reset, a reset inside a message, or a breach. */
export interface Ending extends Recorded {
  kind: 'end';
  how: 'close' | 'kill' | 'cut' | 'breach';
  /** For a breach: what was wrong, and how the server has to end the connection. */
  breach?: { label: string; rule: JudgedRule; codes: readonly number[] };
}

/** The connection is over: by the server's Close frame, or without one (1006). */
export interface Closed extends Recorded {
  kind: 'closed';
  code: number;
  reason: string;
}

/**
 * The full patience of the watchdog has passed since the last entry, with the target serving other connections:
 * whatever the entries before have caused has had its time to show.
 */
export interface Settled {
  kind: 'settled';
  at: number;
}

/** One line of a trace. */
export type Entry = Opened | Sent | Received | Malformed | Ending | Closed | Settled;

/** What the judge has to know besides the entries. */
export interface Announced {
  features: readonly string[];
  limits: Welcome['limits'];
  rates: readonly Rate[];
  heartbeat: Welcome['heartbeat'];
  typing_ttl_ms: number;
  resume?: { window_ms: number; max_events: number } | undefined;
  dedup_window_ms?: number | undefined;
}

/** All that happened in one conversation, in one total order: the index of an entry is its place. */
export interface Trace {
  /** Ends every name of a user and room of this conversation, after a dot. */
  namespace: string;
  announced: Announced;
  entries: Entry[];
}

/** What stands where a server announces no number, which is a matter of other checks. */
const defaults: Pick<Announced, 'limits' | 'heartbeat'> = {
  limits: {
    max_message_bytes: 65_536,
    max_text_bytes: 4_096,
    max_rooms: 50,
    max_listed_members: 1_000,
    max_connections_per_user: 10,
    max_protocol_errors: 20,
    protocol_error_window_ms: 60_000,
    max_queue_bytes: 1_048_576,
  },
  heartbeat: { interval_ms: 30_000, timeout_ms: 10_000 },
};

/** Takes from a `welcome` what the judge needs. */
export function announcedBy(welcome: Welcome): Announced {
  const { features, rates, typing_ttl_ms, resume, dedup_window_ms } = welcome;
  const limits = { ...defaults.limits, ...welcome.limits };
  const heartbeat = { ...defaults.heartbeat, ...welcome.heartbeat };
  return { features, limits, rates, heartbeat, typing_ttl_ms, resume, dedup_window_ms };
}

/** A name as people read it: without the namespace. */
export function plain(name: string, namespace: string): string {
  return name.endsWith(`.${namespace}`) ? name.slice(0, -namespace.length - 1) : name;
}

const kinds: readonly Entry['kind'][] = [
  'open',
  'send',
  'receive',
  'malformed',
  'end',
  'closed',
  'settled',
];

/** Reads a trace from JSON. @throws Error with one sentence that says what is wrong where */
export function readTrace(value: unknown): Trace {
  const trace = value as Trace;
  if (typeof trace?.namespace !== 'string' || !Array.isArray(trace.entries))
    throw new Error(`trace: a namespace and entries are expected, not ${brief(value)}`);
  const { features, rates, limits, heartbeat } = trace.announced ?? {};
  if (!Array.isArray(features) || !Array.isArray(rates) || !limits || !heartbeat)
    throw new Error('trace: announced is to hold features, rates, limits and heartbeat');
  let open = 0;
  trace.entries.forEach((entry, index) => {
    const at = `trace: entries[${index}]`;
    if (!kinds.includes(entry?.kind))
      throw new Error(`${at}.kind is ${brief(entry?.kind)}, none of ${kinds.join(', ')}`);
    if (typeof entry.at !== 'number') throw new Error(`${at}.at is to be a number`);
    if (entry.kind === 'settled') return;
    if (entry.kind === 'open') open += 1;
    const known = entry.kind === 'open' ? entry.connection === open - 1 : entry.connection < open;
    if (!known)
      throw new Error(`${at}.connection is ${brief(entry.connection)}, which is not open`);
    if (entry.kind !== 'send' && entry.kind !== 'receive') return;
    if (typeof entry.message?.type !== 'string' || typeof entry.message.data !== 'object')
      throw new Error(`${at}.message is to have a type and data, not ${brief(entry.message)}`);
  });
  return trace;
}
