import type { Instant } from '../clock.js';
import type { Parts } from '../parts.js';
import type { Limiter } from '../rates.js';
import type { LeaveReason, Outgoing } from '../state.js';
import type {
  Admission,
  Broker,
  Item,
  Joined,
  Listener,
  Once,
  Parting,
  Past,
  Publication,
  Remembered,
  Since,
  Snapshot,
  Who,
  Window,
} from './broker.js';

/** The bounds of what a broker keeps. */
export interface BrokerBounds {
  /** The history of each room; null: none is kept. */
  readonly resume: { readonly window_ms: number; readonly max_events: number } | null;
  /** How many users a snapshot of a room lists at most. */
  readonly mostListed: number;
  /** How long an accepted request is remembered, in milliseconds. */
  readonly dedupWindowMs: number | null;
}

interface Kept extends Past {
  /** Steady milliseconds. */
  readonly at: number;
}

interface Room {
  readonly name: string;
  readonly epoch: string;
  seq: number;
  rev: number;
  /** Who is present, each with the ids of the connections. */
  readonly present: Map<string, Set<string>>;
  history: Kept[];
  /** When the last member left, in steady milliseconds. */
  idleSince: number;
}

interface Memory extends Remembered {
  /** Steady milliseconds. */
  readonly at: number;
}

// Rooms that nobody is in are kept for those who return; above this number the longest idle goes first.
const MOST_IDLE_ROOMS = 10_000;

/** What one process keeps: rooms, quotas and repetitions, for all servers that attach to it. */
export class MemoryBroker {
  readonly #parts: Parts;
  readonly #bounds: BrokerBounds;
  readonly #listeners = new Set<Listener>();
  readonly #rooms = new Map<string, Room>();
  /** Rooms without members, the longest idle first. */
  readonly #idle = new Set<Room>();
  readonly #connections = new Map<string, Set<string>>();
  readonly #limiters = new Map<string, Limiter>();
  readonly #remembered = new Map<string, Map<string, Memory>>();

  constructor(parts: Parts, bounds: BrokerBounds) {
    this.#parts = parts;
    this.#bounds = bounds;
  }

  /** How many things of each kind are kept. */
  get sizes() {
    return {
      rooms: this.#rooms.size,
      users: this.#connections.size,
      quotas: this.#limiters.size,
      requests: this.#remembered.size,
    };
  }

  /** The broker as one instance sees it. */
  attach(listener: Listener): Broker {
    this.#listeners.add(listener);
    return {
      presenceTtlMs: null,
      enter: (who, limit) => this.#enter(who, limit),
      exit: (who, partings, reason, at) => this.#exit(who, partings, reason, at),
      join: (room, who, since, at) => this.#join(room, who, since, at),
      leave: (parting, who, reason, at) => this.#leave(parting, who, reason, at),
      members: (room) => this.#snapshot(this.#rooms.get(room)),
      publish: (publication) => this.#publish(publication),
      relay: (room, message, except) => this.#relay(room, message, except),
      direct: (to, message) => this.#direct(to, message),
      broadcast: (message) => {
        for (const it of this.#listeners) it.broadcast(message);
      },
      recall: (user, id, at) => this.#recall(user, id, at),
      remember: (once, data, at) => this.#remember(once, data, at),
      admit: (key, window, at) => this.#admit(key, window, at),
      revoke: (session) => {
        for (const it of this.#listeners) it.revoked(session);
      },
      healthy: () => true,
      sweep: (at) => this.#sweep(at),
      close: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  #enter({ user, connection }: Who, limit: number): boolean {
    const connections = this.#connections.get(user) ?? new Set();
    if (connections.size >= limit) return false;
    this.#connections.set(user, connections.add(connection));
    return true;
  }

  #exit(who: Who, partings: readonly Parting[], reason: LeaveReason, at: Instant): void {
    for (const parting of partings) this.#leave(parting, who, reason, at);
    const connections = this.#connections.get(who.user);
    connections?.delete(who.connection);
    if (connections?.size === 0) this.#connections.delete(who.user);
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      const epoch = this.#parts.resume.newEpoch(name);
      room = { name, epoch, seq: 0, rev: 0, present: new Map(), history: [], idleSince: 0 };
      this.#rooms.set(name, room);
    }
    return room;
  }

  #join(name: string, who: Who, since: Since | null, at: Instant): Joined {
    const room = this.#room(name);
    const { rooms } = this.#parts;
    const key = rooms.presenceOf(who);
    const connections = room.present.get(key) ?? new Set();
    const known = connections.has(who.connection);
    const before = connections.size;
    room.present.set(key, connections.add(who.connection));
    this.#idle.delete(room);
    if (!known && rooms.announcesJoin(before))
      this.#tell(room, rooms.joinEvent(name, who.user, at), rooms.presenceExcept(who.user));
    const { seq, epoch, rev } = room;
    const missed = since ? this.#missed(room, since, at) : null;
    const snapshot = rooms.snapshot(room.present, this.#bounds.mostListed, key);
    return { ...snapshot, seq, epoch, rev, ...(since ? { missed } : {}) };
  }

  #missed(room: Room, since: Since, at: Instant): readonly Past[] | null {
    if (!this.#bounds.resume || since.epoch !== room.epoch) return null;
    this.#forget(room, at.steady);
    return this.#parts.resume.missed(room.history, since.seq, room.seq);
  }

  #leave({ room: name, farewell }: Parting, who: Who, reason: LeaveReason, at: Instant): void {
    const room = this.#rooms.get(name);
    const { rooms } = this.#parts;
    const key = rooms.presenceOf(who);
    const connections = room?.present.get(key);
    if (!room || !connections?.delete(who.connection)) return;
    const except = rooms.presenceExcept(who.user);
    if (connections.size === 0) room.present.delete(key);
    if (rooms.announcesLeave(connections.size)) {
      if (farewell) this.#tell(room, farewell, except);
      this.#tell(room, rooms.leaveEvent(name, who.user, reason, at), except);
    }
    if (room.present.size > 0) return;
    room.idleSince = at.steady;
    this.#idle.add(room);
    this.#evict(at.steady);
  }

  #snapshot(room: Room | undefined): Snapshot {
    return this.#parts.rooms.snapshot(room?.present ?? new Map(), this.#bounds.mostListed);
  }

  #publish({ room: name, message, payload, once, at }: Publication) {
    const room = this.#room(name);
    room.seq = this.#parts.chat.nextSeq(room.seq);
    message.seq = room.seq;
    if (this.#bounds.resume) {
      // A copy, so that a small payload does not keep the chunk alive that it was read from.
      const copy = payload ? { payload: Uint8Array.from(payload) } : {};
      room.history.push({ message, at: at.steady, ...copy });
      // Trimmed now and then: a slice for each message would cost more than the message.
      if (room.history.length >= 2 * this.#bounds.resume.max_events) this.#forget(room, at.steady);
    }
    if (once) this.#remember(once, this.#parts.chat.ack(message, room.seq), at);
    this.#tell(room, message, undefined, payload);
    return { seq: room.seq };
  }

  #relay(name: string, message: Outgoing, except: string | undefined): void {
    const room = this.#rooms.get(name);
    if (room) this.#tell(room, message, except);
  }

  #tell(room: Room, message: Outgoing, except?: string, payload?: Uint8Array): void {
    room.rev += 1;
    const item: Item = {
      room: room.name,
      rev: room.rev,
      message,
      ...(payload ? { payload } : {}),
      ...(except === undefined ? {} : { except }),
    };
    for (const listener of this.#listeners) listener.item(item);
  }

  #direct(to: string, message: Outgoing): boolean {
    if (!this.#connections.has(to)) return false;
    for (const listener of this.#listeners) listener.direct(to, message);
    return true;
  }

  #recall(user: string, id: string, at: Instant): Remembered | null {
    const memory = this.#remembered.get(user)?.get(id);
    if (!memory || this.#bounds.dedupWindowMs === null) return null;
    return memory.at + this.#bounds.dedupWindowMs > at.steady ? memory : null;
  }

  #remember(once: Once, data: Readonly<Record<string, unknown>>, at: Instant): void {
    const memories = this.#remembered.get(once.user) ?? new Map<string, Memory>();
    memories.delete(once.id);
    memories.set(once.id, { digest: once.digest, data, at: at.steady });
    this.#remembered.set(once.user, memories);
    this.#forgetOld(memories, at.steady);
  }

  #forgetOld(memories: Map<string, Memory>, now: number): void {
    const span = this.#bounds.dedupWindowMs ?? 0;
    for (const [id, { at }] of memories) {
      if (at + span > now) return;
      memories.delete(id);
    }
  }

  #admit(key: string, window: Window, at: Instant): Admission {
    let limiter = this.#limiters.get(key);
    if (!limiter) {
      limiter = this.#parts.rates.limiter(window);
      this.#limiters.set(key, limiter);
    }
    return limiter.admit(at.steady);
  }

  /** Drops what the bounds of a room's history no longer cover. */
  #forget(room: Room, now: number): void {
    const { resume } = this.#bounds;
    if (!resume) return;
    const { history } = room;
    let gone = Math.max(0, history.length - resume.max_events);
    while (gone < history.length && (history[gone]?.at ?? now) + resume.window_ms <= now) gone += 1;
    if (gone > 0) room.history = history.slice(gone);
  }

  /** Drops rooms whose members have been gone for longer than anyone can return to. */
  #evict(now: number): void {
    const kept = this.#bounds.resume?.window_ms ?? 0;
    for (const room of this.#idle) {
      if (room.idleSince + kept > now && this.#idle.size <= MOST_IDLE_ROOMS) return;
      this.#idle.delete(room);
      this.#rooms.delete(room.name);
    }
  }

  #sweep({ steady }: Instant): void {
    this.#evict(steady);
    for (const room of this.#rooms.values()) this.#forget(room, steady);
    for (const [key, limiter] of this.#limiters)
      if (limiter.idle(steady)) this.#limiters.delete(key);
    for (const [user, memories] of this.#remembered) {
      this.#forgetOld(memories, steady);
      if (memories.size === 0) this.#remembered.delete(user);
    }
  }
}
