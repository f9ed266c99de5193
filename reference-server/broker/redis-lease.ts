import { randomBytes } from 'node:crypto';
import { systemClock } from '../clock.js';
import { list, text, writeTold } from './redis-codec.js';
import { each, feedKeys, feedWords, type Ground } from './redis-ground.js';

/** The times of presence, in milliseconds. */
export interface LeaseTimes {
  /** How long a lease lasts that is not renewed. */
  readonly lengthMs: number;
  /** Between two searches for leases that have ended. */
  readonly searchMs: number;
}

/** Divides the announced time from an instance's death to the `leave` of its users. */
export function leaseTimes(presenceTtlMs: number): LeaseTimes {
  return { lengthMs: Math.floor((presenceTtlMs * 2) / 3), searchMs: Math.floor(presenceTtlMs / 6) };
}

/**
 * An instance's life, as the others see it. It has a name of its own each time it begins anew, so that those
 * who clear away what an ended one has left never touch what the next one has recorded.
 */
export class Lease {
  /** The process: its inbox does not change with the lease. */
  readonly process: string;
  readonly times: LeaseTimes;
  readonly #ground: Ground;
  #generation = 0;
  #known = false;

  constructor(ground: Ground, instance: string, times: LeaseTimes) {
    this.#ground = ground;
    this.times = times;
    this.process = `${instance}:${randomBytes(6).toString('hex')}`;
  }

  /** The name under which presences are recorded. */
  get id(): string {
    return `${this.process}.${this.#generation}`;
  }

  /** The process of a lease. */
  static processOf(lease: string): string {
    return lease.slice(0, lease.lastIndexOf('.'));
  }

  /** Renews the lease; false when it has ended and another one has begun, under which nothing is recorded. */
  async hold(): Promise<boolean> {
    const known = this.#known;
    if (await this.#renew(!known)) {
      this.#known = true;
      return known;
    }
    const ended = this.id;
    this.#ground.log({ event: 'lease_lost', lease: ended });
    this.#generation += 1;
    await this.#renew(true);
    await this.#bury(ended);
    return false;
  }

  /** Whether the lease still stands; it is renewed if it does. */
  stands(): Promise<boolean> {
    return this.#renew(false);
  }

  /** Clears away what ended leases have left. */
  async search(): Promise<void> {
    const { link, keys } = this.#ground;
    const dead = list(await link.served.run('bury', keys.leases(), []));
    for (const lease of dead.map(text)) await this.#clear(lease);
  }

  /** Ends the lease; `clean`: nothing is recorded under it. */
  async release(clean: boolean): Promise<void> {
    const { link, keys } = this.#ground;
    const [living] = keys.leases();
    if (!clean) await this.#bury(this.id);
    await link.upkeep.call('ZREM', living, this.id);
  }

  async #renew(fresh: boolean): Promise<boolean> {
    const { link, keys } = this.#ground;
    const words = [this.id, this.times.lengthMs, fresh ? 1 : 0];
    return (await link.upkeep.run('lease', keys.leases(), words)) === 1;
  }

  async #bury(lease: string): Promise<void> {
    const { link, keys } = this.#ground;
    const [, dead] = keys.leases();
    await link.upkeep.call('SADD', dead, lease);
  }

  async #clear(lease: string): Promise<void> {
    const { link, keys } = this.#ground;
    const { served } = link;
    const rooms = list(await served.call('SMEMBERS', keys.roomsOf(lease))).map(text);
    await each(rooms, (room) => this.#clearRoom(room, lease), 20);
    const users = list(await served.call('SMEMBERS', keys.usersOf(lease))).map(text);
    if (rooms.length + users.length > 0) this.#ground.log({ event: 'lease_ended', lease });
    await each(users, (user) => served.run('evict', [keys.seats(user)], [lease]));
    await served.call('DEL', keys.roomsOf(lease));
    await served.call('DEL', keys.usersOf(lease));
    await served.call('SREM', keys.leases()[1], lease);
  }

  /** Takes each connection out by itself: whoever takes the user's last one tells the room. */
  async #clearRoom(room: string, lease: string): Promise<void> {
    const { link, keys, parts } = this.#ground;
    const at = keys.at(room, lease);
    const pairs = list(await link.served.call('HGETALL', at)).map(text);
    const held = pairs.flatMap((connection, i) =>
      i % 2 === 0 ? [{ connection, user: pairs[i + 1] ?? '' }] : [],
    );
    await each(held, (who) => {
      const message = parts.rooms.leaveEvent(room, who.user, 'disconnected', systemClock());
      const except = parts.rooms.presenceExcept(who.user);
      const body = writeTold({ message, ...(except === undefined ? {} : { except }) });
      return link.served.run(
        'leave',
        [...feedKeys(keys.room(room)), keys.users(room), at],
        [...feedWords(this.#ground), who.connection, parts.rooms.presenceOf(who), '', body],
      );
    });
  }
}
