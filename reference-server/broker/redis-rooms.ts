import type { Instant } from '../clock.js';
import type { LeaveReason, Outgoing } from '../state.js';
import {
  BackendUnavailable,
  type Joined,
  type Parting,
  type Past,
  type Publication,
  type Since,
  type Snapshot,
  type Who,
} from './broker.js';
import {
  list,
  type Reply,
  readPosition,
  readPush,
  readStream,
  readTold,
  text,
  writeTold,
} from './redis-codec.js';
import { each, feedKeys, feedWords, type Ground } from './redis-ground.js';
import type { Lease } from './redis-lease.js';
import type { Lane, Word } from './redis-link.js';
import { LocalRoom, MOST_COMPARED } from './redis-room.js';

// Each room is compared with Redis so often: what slipped through in another way is found by it.
const COMPARE_MS = 10_000;
const COMPARED_AT_ONCE = 200;

/** A connection that should not be in a room, and may be. */
interface Doubt {
  readonly room: string;
  readonly who: Who;
  readonly lease: string;
  readonly farewell: Outgoing | null;
  readonly leave: Outgoing;
}

/** The rooms of an instance: presence, messages and their order. */
export class Rooms {
  readonly #ground: Ground;
  readonly #lease: Lease;
  readonly #rooms = new Map<string, LocalRoom>();
  readonly #channels = new Map<string, LocalRoom>();
  readonly #doubts = new Map<string, Doubt>();

  constructor(ground: Ground, lease: Lease) {
    this.#ground = ground;
    this.#lease = lease;
  }

  /** Whether nobody is in any room, for all that is known. */
  get empty(): boolean {
    return this.#rooms.size === 0 && this.#doubts.size === 0;
  }

  /** Something came over a channel; false when it is no room's. */
  push(channel: string, bytes: Buffer): boolean {
    const room = this.#channels.get(channel);
    room?.feed.receive(readPush(bytes));
    return room !== undefined;
  }

  async join(name: string, who: Who, since: Since | null, at: Instant): Promise<Joined> {
    const room = this.#room(name);
    room.joining.add(who.connection);
    const lease = this.#lease.id;
    try {
      await this.#prepared(room);
      const joined = await this.#enter(room, who, since, at, this.#ground.link.served);
      if (lease !== this.#lease.id) throw new BackendUnavailable('The lease has ended meanwhile.');
      room.here.set(who.connection, who.user);
      return joined;
    } catch (error) {
      if (!room.here.has(who.connection))
        this.#doubt({
          room: name,
          who,
          lease,
          farewell: null,
          leave: this.#leaving(name, who, at),
        });
      throw error;
    } finally {
      room.joining.delete(who.connection);
      this.#tidy(room);
    }
  }

  async leave(parting: Parting, who: Who, reason: LeaveReason, at: Instant): Promise<void> {
    const doubt = this.#parting(parting, who, reason, at);
    // Not left for as long as it is not certain: the client is told so, and stays a member.
    await this.#takeOut(doubt, this.#ground.link.served);
    this.#forget(parting.room, who);
  }

  /** Takes an ended connection out; what Redis cannot be told now it is told later. */
  async exit(parting: Parting, who: Who, reason: LeaveReason, at: Instant): Promise<void> {
    const doubt = this.#parting(parting, who, reason, at);
    this.#forget(parting.room, who);
    try {
      await this.#takeOut(doubt, this.#ground.link.served);
    } catch (error) {
      if (!(error instanceof BackendUnavailable)) throw error;
      this.#doubt(doubt);
    }
  }

  async members(name: string): Promise<Snapshot> {
    const { link, keys, mostListed } = this.#ground;
    const reply = list(await link.served.run('members', [keys.users(name)], [mostListed]));
    const [count, users] = reply;
    const listed = list(users).map(text);
    const room = this.#rooms.get(name);
    return room ? room.snapshot(listed, Number(count)) : { members: listed, count: Number(count) };
  }

  async publish(
    { room, message, payload, once }: Publication,
    onceKey: string,
    remembered: string,
    rememberMs: number,
  ): Promise<{ readonly seq: number } | { readonly first: Buffer }> {
    const { link, keys, most } = this.#ground;
    const body = writeTold({ message, ...(payload ? { payload } : {}) });
    const kept: Word[] = once ? [remembered, rememberMs] : ['', 0];
    const reply = await link.served.run(
      'publish',
      [...feedKeys(keys.room(room)), onceKey],
      [...feedWords(this.#ground), body, most, 0, ...kept],
    );
    const [accepted, result] = list(reply);
    if (accepted === 0) return { first: result as Buffer };
    message.seq = Number(result);
    return { seq: Number(result) };
  }

  async relay(room: string, message: Outgoing, except: string | undefined): Promise<void> {
    const { link, keys } = this.#ground;
    const body = writeTold({ message, ...(except === undefined ? {} : { except }) });
    const words = [...feedWords(this.#ground), body];
    await link.served.run('relay', feedKeys(keys.room(room)), words);
  }

  /** The link is lost: nothing is subscribed to any more. */
  lost(): void {
    for (const room of this.#rooms.values()) room.ready = null;
  }

  /** Makes up for everything that may have gone wrong while Redis was away. */
  async restore(): Promise<void> {
    await this.#resolveDoubts();
    await each(this.#rooms.values(), async (room) => {
      await this.#prepared(room);
      await this.#compare(room);
    });
  }

  /** The work of every now and then. */
  async tend(): Promise<void> {
    await this.#resolveDoubts();
    const due = performance.now() - COMPARE_MS;
    const rooms = [...this.#rooms.values()];
    await each(rooms, (room) => room.settlePresence());
    const stale = rooms.filter(({ compared }) => compared < due).slice(0, COMPARED_AT_ONCE);
    await each(stale, (room) => this.#compare(room));
  }

  #room(name: string): LocalRoom {
    let room = this.#rooms.get(name);
    if (!room) {
      const { lengthMs } = this.#lease.times;
      room = new LocalRoom(this.#ground, name, () => this.#lease.id, lengthMs);
      this.#rooms.set(name, room);
      this.#channels.set(this.#ground.keys.room(name).meta, room);
    }
    return room;
  }

  /** Resolves once the room's channel is subscribed to, and the room is known as one of this instance's. */
  #prepared(room: LocalRoom): Promise<void> {
    const { link, keys } = this.#ground;
    room.ready ??= Promise.all([
      link.subscribe(keys.room(room.name).meta),
      link.upkeep.call('SADD', keys.roomsOf(this.#lease.id), room.name),
    ]).then(
      () => undefined,
      (error: unknown) => {
        room.ready = null;
        throw error;
      },
    );
    return room.ready;
  }

  async #enter(
    room: LocalRoom,
    who: Who,
    since: Since | null,
    at: Instant,
    lane: Lane,
  ): Promise<Joined> {
    const { keys, parts, mostListed } = this.#ground;
    const { name } = room;
    const except = parts.rooms.presenceExcept(who.user);
    const message = parts.rooms.joinEvent(name, who.user, at);
    const reply = await lane.run(
      'join',
      [...feedKeys(keys.room(name)), keys.users(name), keys.at(name, this.#lease.id)],
      [
        ...feedWords(this.#ground),
        who.connection,
        parts.rooms.presenceOf(who),
        who.user,
        writeTold({ message, ...(except === undefined ? {} : { except }) }),
        room.feed.position ? mostListed : MOST_COMPARED,
        since?.epoch ?? '',
        since?.seq ?? 0,
      ],
    );
    return this.#joined(room, who, since, list(reply));
  }

  async #joined(
    room: LocalRoom,
    who: Who,
    since: Since | null,
    reply: readonly Reply[],
  ): Promise<Joined> {
    const position = readPosition(reply);
    const [, , , , count, users, missed, now] = reply;
    const listed = list(users).map(text);
    room.meet(listed, Number(count));
    const rev = await room.feed.at(position);
    if (rev === null) throw new BackendUnavailable('The room has begun a new epoch meanwhile.');
    const { seq, epoch } = position;
    return {
      ...room.snapshot(listed, Number(count), who.user),
      seq,
      epoch,
      rev,
      ...(since ? { missed: this.#missed(since, position.epoch, seq, missed, text(now)) } : {}),
    };
  }

  #missed(since: Since, epoch: string, present: number, log: Reply | undefined, now: string) {
    if (since.epoch !== epoch || !this.#ground.most) return null;
    const oldest = Number(now) - this.#ground.keepMs * 1_000;
    const kept: Past[] = readStream(log ?? null)
      .filter(({ at }) => at > oldest)
      .map(({ body, number }) => readTold(body, number));
    return this.#ground.parts.resume.missed(kept, since.seq, present);
  }

  async #takeOut({ room, who, lease, farewell, leave }: Doubt, lane: Lane): Promise<void> {
    const { keys, parts } = this.#ground;
    const except = parts.rooms.presenceExcept(who.user);
    const body = (message: Outgoing) =>
      writeTold({ message, ...(except === undefined ? {} : { except }) });
    await lane.run(
      'leave',
      [...feedKeys(keys.room(room)), keys.users(room), keys.at(room, lease)],
      [
        ...feedWords(this.#ground),
        who.connection,
        parts.rooms.presenceOf(who),
        farewell ? body(farewell) : '',
        body(leave),
      ],
    );
  }

  #parting({ room, farewell }: Parting, who: Who, reason: LeaveReason, at: Instant): Doubt {
    const leave = this.#ground.parts.rooms.leaveEvent(room, who.user, reason, at);
    return { room, who, lease: this.#lease.id, farewell, leave };
  }

  #leaving(room: string, who: Who, at: Instant): Outgoing {
    return this.#ground.parts.rooms.leaveEvent(room, who.user, 'disconnected', at);
  }

  #doubt(doubt: Doubt): void {
    this.#doubts.set(`${doubt.room} ${doubt.who.connection}`, doubt);
  }

  async #resolveDoubts(): Promise<void> {
    await each([...this.#doubts], async ([key, doubt]) => {
      const stays = this.#rooms.get(doubt.room)?.here.has(doubt.who.connection);
      if (!stays) await this.#takeOut(doubt, this.#ground.link.upkeep);
      this.#doubts.delete(key);
    });
  }

  /** Brings a room's feed up to date, and its presences of this instance into line. */
  async #compare(room: LocalRoom): Promise<void> {
    room.compared = performance.now();
    const found = new Set(await room.feed.sync());
    // Left by all and entered anew while Redis was asked: what was found is another room's business.
    if (this.#rooms.get(room.name) !== room) return;
    const at = { wall: Date.now(), steady: performance.now() };
    const { upkeep } = this.#ground.link;
    for (const [connection, user] of room.here)
      if (!found.has(connection)) await this.#enter(room, { user, connection }, null, at, upkeep);
    for (const connection of found)
      if (!room.here.has(connection) && !room.joining.has(connection))
        await this.#expel(room.name, connection, at);
  }

  /** Takes out a connection that only Redis knows of. */
  async #expel(room: string, connection: string, at: Instant): Promise<void> {
    const { link, keys } = this.#ground;
    const lease = this.#lease.id;
    const user = text(await link.upkeep.call('HGET', keys.at(room, lease), connection));
    if (user === '') return;
    const who = { user, connection };
    const leave = this.#leaving(room, who, at);
    await this.#takeOut({ room, who, lease, farewell: null, leave }, link.upkeep);
  }

  #forget(name: string, who: Who): void {
    const room = this.#rooms.get(name);
    if (room?.here.delete(who.connection)) this.#tidy(room);
  }

  /** Follows a room no longer that nobody here is in. */
  #tidy(room: LocalRoom): void {
    if (!room.empty || this.#rooms.get(room.name) !== room) return;
    const { link, keys } = this.#ground;
    const channel = keys.room(room.name).meta;
    this.#rooms.delete(room.name);
    this.#channels.delete(channel);
    // Where this fails, the subscription has ended with the link, and the list may hold a room too many.
    link.unsubscribe(channel).catch(() => {});
    link.upkeep.call('SREM', keys.roomsOf(this.#lease.id), room.name).catch(() => {});
  }
}
