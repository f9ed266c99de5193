import type { Message } from '#conformance/harness/message.js';
import {
  type Announced,
  type Closed,
  type Ending,
  type Faulty,
  plain,
  type Trace,
} from '../trace.js';

/** One connection and what is known of its life; moments are indices of entries. */
export interface Connection {
  number: number;
  client: number;
  user: string;
  broadcaster: boolean;
  opened: number;
  openedAt: number;
  welcomed: number;
  ending: (Ending & { n: number }) | undefined;
  closed: (Closed & { n: number }) | undefined;
  /** Until here the server surely kept it; Infinity when it lasts. Known once replies have been found. */
  over: number;
  /** From here on the server surely treats it as gone. */
  gone: number;
  requests: Request[];
  received: Received[];
}

/** A message that the runner sent. */
export interface Request {
  connection: Connection;
  n: number;
  at: number;
  message: Message;
  faulty: Faulty | undefined;
  reply: Received | undefined;
  /** An `error` without `ref` came that may be its own. */
  maybeRefused: boolean;
  /** By here the server has surely carried it out or refused it: replies come in order. */
  done: number;
  doneAt: number;
}

/** A message that came in. */
export interface Received {
  connection: Connection;
  n: number;
  at: number;
  message: Message;
}

/** All that the rules read: the trace, indexed. */
export class Facts {
  readonly trace: Trace;
  readonly announced: Announced;
  readonly connections: Connection[] = [];
  readonly users: string[] = [];
  /** Moments by which everything before has had its time to show. */
  readonly settled: number[] = [];
  /** Whether nothing more is to be expected: what is absent now stays absent. */
  readonly final: boolean;
  /** The index after the last entry. */
  readonly end: number;

  /** Whether a list of members may leave some out, and says so. */
  isCut({ truncated, count }: Message['data']): boolean {
    const { max_listed_members: most } = this.announced.limits;
    return truncated === true && (typeof count !== 'number' || count > most);
  }

  /** `assumeSettled` judges as if the full patience had passed at the end. */
  constructor(trace: Trace, assumeSettled = false) {
    this.trace = trace;
    this.announced = trace.announced;
    this.end = trace.entries.length;
    trace.entries.forEach((entry, n) => {
      if (entry.kind === 'settled') this.settled.push(n);
    });
    if (assumeSettled) this.settled.push(this.end);
    this.final = assumeSettled || trace.entries.at(-1)?.kind === 'settled';
    this.#read();
    this.users = [...new Set(this.connections.map((each) => each.user))];
    this.requests = this.connections.flatMap((each) => each.requests).sort((a, b) => a.n - b.n);
  }

  /** All that was sent, in order. */
  readonly requests: readonly Request[];

  /** The first settled moment after an index. */
  settledAfter(n: number): number {
    return this.settled.find((each) => each > n) ?? Number.POSITIVE_INFINITY;
  }

  /** Connections of a user. */
  of(user: string): Connection[] {
    return this.connections.filter((each) => each.user === user);
  }

  /** A user or room as people read it. */
  name(name: string | undefined): string {
    return plain(name ?? 'nothing', this.trace.namespace);
  }

  /** A connection as people read it: `ann`, or `ann’s connection 2` where the user has several. */
  who(connection: Connection): string {
    const own = this.of(connection.user);
    const name = this.name(connection.user);
    return own.length === 1 ? name : `${name}’s connection ${own.indexOf(connection) + 1}`;
  }

  #read(): void {
    this.trace.entries.forEach((entry, n) => {
      if (entry.kind === 'settled' || entry.kind === 'malformed') return;
      if (entry.kind === 'open') {
        const { client, user, broadcaster, at } = entry;
        this.connections[entry.connection] = {
          number: entry.connection,
          client,
          user,
          broadcaster,
          opened: n,
          openedAt: entry.knockedAt ?? at,
          welcomed: Number.POSITIVE_INFINITY,
          ending: undefined,
          closed: undefined,
          over: Number.POSITIVE_INFINITY,
          gone: Number.POSITIVE_INFINITY,
          requests: [],
          received: [],
        };
        return;
      }
      const connection = this.connections[entry.connection];
      if (!connection)
        throw new Error(
          `entry ${n} belongs to connection ${entry.connection}, which was never opened`,
        );
      if (entry.kind === 'send') {
        connection.requests.push({
          connection,
          n,
          at: entry.at,
          message: entry.message,
          faulty: entry.faulty,
          reply: undefined,
          maybeRefused: false,
          done: Number.POSITIVE_INFINITY,
          doneAt: Number.POSITIVE_INFINITY,
        });
      } else if (entry.kind === 'receive') {
        if (entry.message.type === 'welcome' && connection.received.length === 0)
          connection.welcomed = n;
        connection.received.push({ connection, n, at: entry.at, message: entry.message });
      } else {
        if (entry.kind === 'end') connection.ending ??= { ...entry, n };
        else connection.closed ??= { ...entry, n };
        connection.gone = Math.min(connection.gone, this.settledAfter(n));
      }
    });
  }
}

/** Whether a message is a reply. */
export function isReply({ type }: Message): boolean {
  return type === 'ack' || type === 'error' || type === 'pong';
}

/** The `code` of the error that a request ended in. */
export function refusal({ reply }: Request): string | undefined {
  return reply?.message.type === 'error' ? (reply.message.data.code ?? 'none') : undefined;
}

/** Whether a request was acknowledged. */
export function acked({ reply }: Request): boolean {
  return reply?.message.type === 'ack';
}

/**
 * Settles until when each connection was surely kept. A server may end one without our doing, for a heartbeat that
 * a busy machine missed, and tell others before we read the Close frame. So what proves that it lived is the
 * sending of a request that was answered, or that no heartbeat can have failed yet.
 */
export function lifetimes(facts: Facts): void {
  const { interval_ms, timeout_ms } = facts.announced.heartbeat;
  for (const connection of facts.connections) {
    const { ending, closed, openedAt, requests } = connection;
    const answered =
      requests.findLast((each) => each.reply)?.n ?? Math.min(connection.welcomed, facts.end);
    const doubtful = facts.trace.entries.findIndex(
      ({ at }) => at >= openedAt + Math.min(interval_ms, timeout_ms),
    );
    // The first entry after that time may tell of the end itself.
    const kept = Math.max(answered, doubtful < 0 ? Number.POSITIVE_INFINITY : doubtful - 1);
    if (ending) connection.over = Math.min(ending.n, kept);
    else if (closed) connection.over = answered;
    else connection.over = facts.final ? Number.POSITIVE_INFINITY : kept;
  }
}
