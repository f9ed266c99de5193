import type { Message } from '#conformance/harness/message.js';
import { type Connection, type Facts, isReply, type Request, refusal } from './facts.js';

const NEVER = Number.POSITIVE_INFINITY;

/** One stay of a connection in a room, with what is sure and what is possible; moments are indices of entries. */
export interface Stay {
  connection: Connection;
  room: string;
  join: Request;
  /** Its ack: from here on surely in. Infinity when none came. */
  joined: number;
  /** The first attempt to end it: until here surely in. */
  leaving: number;
  /** From here on surely out. */
  left: number;
  /** The ack of its leave: no event of the room comes on this connection after it. */
  until: number;
  /** What may have ended it. */
  causes: Set<'leave' | 'end'>;
  /** Further joins while in it. */
  rejoins: Request[];
  epoch: string;
  /** `seq` in the ack of the join. */
  base: number;
}

/** What a connection was in a room when a request of its own was carried out. */
export type State = 'in' | 'out' | 'unknown';

/** Who was in which room when. A connection's requests are carried out in the order of their sending. */
export class Rooms {
  readonly names: string[];
  readonly stays: Stay[] = [];
  /** Rooms that the server or its application itself has meddled with: nothing is sure there. */
  readonly disturbed = new Set<string>();
  readonly #states = new Map<Request, State>();
  readonly #during = new Map<Request, Stay>();
  readonly #by = new Map<string, Stay[]>();

  constructor(facts: Facts) {
    for (const connection of facts.connections) {
      for (const room of new Set(connection.requests.map((each) => each.message.room)))
        if (room !== undefined) this.#walk(connection, room);
      for (const { message } of connection.received)
        if (isDisturbance(message)) this.disturbed.add(message.room ?? '');
    }
    this.names = [
      ...new Set(
        facts.connections.flatMap((each) => each.requests.map((one) => one.message.room ?? '')),
      ),
    ].filter(Boolean);
    for (const stay of this.stays) {
      const key = `${stay.room} ${stay.connection.user}`;
      this.#by.set(key, [...(this.#by.get(key) ?? []), stay]);
    }
    for (const connection of facts.connections) this.#evidence(connection);
  }

  /** Whether the sender was in the room of its request when it was carried out. */
  state(request: Request): State {
    return this.disturbed.has(request.message.room ?? '')
      ? 'unknown'
      : (this.#states.get(request) ?? 'out');
  }

  /** The stay of the sender in which a request was carried out; undefined unless it is sure. */
  during(request: Request): Stay | undefined {
    return this.#during.get(request);
  }

  /** All stays of a user in a room. */
  of(user: string, room: string): readonly Stay[] {
    return this.#by.get(`${room} ${user}`) ?? [];
  }

  /** The stay of a connection that covers an incoming message. */
  at(connection: Connection, room: string, n: number): Stay | undefined {
    return this.of(connection.user, room).find(
      (each) =>
        each.connection === connection &&
        (each.joined < n || (each.joined === NEVER && each.join.n < n)) &&
        n < each.until,
    );
  }

  /** Stretches in which at least one connection of the user is surely in the room, in order. */
  sure(user: string, room: string): { from: number; to: number }[] {
    const spans = this.of(user, room)
      .filter((each) => each.joined < each.leaving)
      .map((each) => ({ from: each.joined, to: each.leaving }))
      .sort((a, b) => a.from - b.from);
    const merged: { from: number; to: number }[] = [];
    for (const span of spans) {
      const last = merged.at(-1);
      if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
      else merged.push(span);
    }
    return merged;
  }

  /** Whether the user is surely in the room during all of a stretch. */
  surelyIn(user: string, room: string, from: number, to: number): boolean {
    return this.sure(user, room).some((each) => each.from <= from && to <= each.to);
  }

  /** Whether the user may be in the room at some moment of a stretch. */
  maybeIn(user: string, room: string, from: number, to: number): boolean {
    return this.of(user, room).some((each) => each.join.n < to && each.left > from);
  }

  // A leave event says that nobody of that user is left; with one stay so far, it can only mean that one.
  #evidence({ received }: Connection): void {
    for (const { message, n } of received) {
      const { user = '', reason } = message.data;
      if (message.type !== 'leave' || (reason !== 'left' && reason !== 'disconnected')) continue;
      const [only, second] = this.of(user, message.room ?? '').filter((each) => each.join.n < n);
      if (only && !second && only.leaving < n) only.left = Math.min(only.left, n);
    }
  }

  #walk(connection: Connection, room: string): void {
    let stay: Stay | undefined;
    let state: State = 'out';
    for (const request of connection.requests) {
      const { message, reply } = request;
      if (message.room !== room || request.faulty) continue;
      this.#states.set(request, state);
      if (stay && state === 'in') this.#during.set(request, stay);
      if (message.type === 'join') {
        const outcome = reply && isReply(reply.message) ? reply.message.type : 'none';
        const doubt =
          outcome === 'none' ||
          ['internal_error', 'backend_unavailable'].includes(refusal(request) ?? '');
        if (outcome !== 'ack' && !doubt) continue;
        if (stay && state !== 'out') {
          stay.rejoins.push(request);
          // Under way when the connection ended, it may have been carried out after that.
          if (outcome === 'none' && connection.over !== NEVER)
            this.#enter(connection, room, request);
        } else {
          stay = this.#enter(connection, room, request);
          state = 'unknown';
        }
        if (outcome === 'ack' && reply) {
          stay.joined = Math.min(stay.joined, reply.n);
          state = 'in';
        }
      } else if (message.type === 'leave' && stay) {
        if (reply?.message.type === 'ack') {
          stay.leaving = Math.min(stay.leaving, request.n);
          stay.left = Math.min(stay.left, reply.n);
          stay.until = reply.n;
          stay.causes = new Set(['leave']);
          stay = undefined;
          state = 'out';
        } else {
          stay.leaving = Math.min(stay.leaving, request.n);
          stay.causes.add('leave');
          // Whether it left is not known: a join after this may be a rejoin or begin another stay.
          stay = undefined;
          state = 'unknown';
        }
      }
    }
  }

  #enter(connection: Connection, room: string, join: Request): Stay {
    const data = join.reply?.message.data;
    const stay: Stay = {
      connection,
      room,
      join,
      joined: NEVER,
      leaving: connection.over,
      left: connection.gone,
      until: NEVER,
      causes: new Set(connection.over === NEVER ? [] : ['end']),
      rejoins: [],
      epoch: typeof data?.epoch === 'string' ? data.epoch : '',
      base: typeof data?.seq === 'number' ? data.seq : 0,
    };
    this.stays.push(stay);
    return stay;
  }
}

/** Whether the server says that it has lost events, or taken somebody out. */
function isDisturbance({ type, data }: Message): boolean {
  return (
    type === 'gap' || (type === 'leave' && ['removed', 'unauthorized'].includes(data.reason ?? ''))
  );
}
