import type { Instant } from '../clock.js';
import type { BrokerFactory } from '../core.js';
import type { LeaveReason, Outgoing } from '../state.js';
import type {
  Admission,
  Broker,
  Joined,
  Once,
  Parting,
  Publication,
  Remembered,
  Since,
  Snapshot,
  Who,
  Window,
} from './broker.js';
import { text } from './redis-codec.js';
import type { Ground } from './redis-ground.js';
import { Keys } from './redis-keys.js';
import { Lease, leaseTimes } from './redis-lease.js';
import type { LinkUser, RedisLink } from './redis-link.js';
import { Rooms } from './redis-rooms.js';
import { Users } from './redis-users.js';

/** How a broker uses Redis. */
export interface RedisBrokerOptions {
  /** The announced time from an instance's death to the `leave` of its users, in milliseconds; 30,000 unless said. */
  readonly presenceTtlMs?: number;
  /** What every key and channel begins with; `parlor:` unless said. */
  readonly prefix?: string;
  /** How long a start waits for Redis before it goes on without, in milliseconds. */
  readonly patienceMs?: number;
  readonly log?: (event: Readonly<Record<string, unknown>>) => void;
}

// Without the profile `resume` nothing is replayed, but an instance that missed something still asks for it.
const WITHOUT_RESUME = { window_ms: 60_000, max_events: 200 };

const RENEWALS = 5;

// So long a request that was asked for counts as being carried out, where nothing more is heard of it.
const CLAIM_MS = 1_000;
const CLAIM_POLL_MS = 20;

/** Makes brokers that share one Redis. */
export function overRedis(link: RedisLink, options: RedisBrokerOptions = {}): BrokerFactory {
  return async (instance, listener, bounds, parts) => {
    const { presenceTtlMs = 30_000, prefix = 'parlor:', patienceMs = 5_000 } = options;
    const { log = () => undefined } = options;
    const { window_ms: keepMs, max_events: most } = bounds.resume ?? WITHOUT_RESUME;
    const { mostListed } = bounds;
    const ground = { link, keys: new Keys(prefix), parts, listener, log, keepMs, most, mostListed };
    const lease = new Lease(ground, instance, leaseTimes(presenceTtlMs));
    const broker = new RedisBroker(ground, lease, presenceTtlMs, bounds.dedupWindowMs);
    await link.open(broker, patienceMs);
    return broker;
  };
}

/** What instances share, in a Redis. */
class RedisBroker implements Broker, LinkUser {
  readonly presenceTtlMs: number;
  readonly #ground: Ground;
  readonly #lease: Lease;
  readonly #rooms: Rooms;
  readonly #users: Users;
  readonly #dedupMs: number;
  readonly #timers: NodeJS.Timeout[];
  readonly #exits = new Set<Promise<void>>();

  constructor(ground: Ground, lease: Lease, presenceTtlMs: number, dedupMs: number | null) {
    this.#ground = ground;
    this.#lease = lease;
    this.#rooms = new Rooms(ground, lease);
    this.#users = new Users(ground, lease);
    this.presenceTtlMs = presenceTtlMs;
    this.#dedupMs = dedupMs ?? 0;
    const { lengthMs, searchMs } = lease.times;
    this.#timers = [
      this.#every(Math.max(20, lengthMs / RENEWALS), () => this.#renew()),
      this.#every(Math.max(20, searchMs), () => this.#search()),
      this.#every(1_000, () => this.#tend()),
    ];
  }

  // The link's user

  async settle(): Promise<void> {
    const stood = await this.#lease.hold();
    if (!stood) this.#rooms.lost();
    await this.#users.restore(!stood);
    await this.#rooms.restore();
  }

  lost(): void {
    this.#rooms.lost();
  }

  push(channel: string, bytes: Buffer): void {
    if (!this.#rooms.push(channel, bytes)) this.#users.push(channel, bytes);
  }

  // The instance's broker

  enter(who: Who, limit: number): Promise<boolean> {
    return this.#users.enter(who, limit);
  }

  exit(who: Who, partings: readonly Parting[], reason: LeaveReason, at: Instant): Promise<void> {
    const exits = partings.map((parting) => this.#rooms.exit(parting, who, reason, at));
    const exit = Promise.all([...exits, this.#users.exit(who)]).then(() => undefined);
    this.#exits.add(exit);
    const done = () => this.#exits.delete(exit);
    exit.then(done, done);
    return exit;
  }

  join(room: string, who: Who, since: Since | null, at: Instant): Promise<Joined> {
    return this.#rooms.join(room, who, since, at);
  }

  leave(parting: Parting, who: Who, reason: LeaveReason, at: Instant): Promise<void> {
    return this.#rooms.leave(parting, who, reason, at);
  }

  members(room: string): Promise<Snapshot> {
    return this.#rooms.members(room);
  }

  async publish(publication: Publication): Promise<Remembered | { readonly seq: number }> {
    const { once, message, room } = publication;
    const { keys, link, parts } = this.#ground;
    const data = parts.chat.ack(message, 0);
    const remembered = once ? JSON.stringify({ digest: once.digest, data }) : '';
    const key = !once
      ? keys.room(room).meta
      : link.sharded
        ? keys.onceIn(room, once.user, once.id)
        : keys.once(once.user, once.id);
    const result = await this.#rooms.publish(publication, key, remembered, this.#dedupMs);
    if ('first' in result) return recalled(text(result.first));
    if (once && link.sharded) await this.#keep(once, `${result.seq}\n${remembered}`);
    return result;
  }

  relay(room: string, message: Outgoing, except: string | undefined): Promise<void> {
    return this.#rooms.relay(room, message, except);
  }

  direct(to: string, message: Outgoing): Promise<boolean> {
    return this.#users.direct(to, message);
  }

  broadcast(message: Outgoing): Promise<void> {
    return this.#users.broadcast(message);
  }

  async recall(user: string, id: string): Promise<Remembered | null> {
    const { link, keys } = this.#ground;
    const claim = `?${this.#lease.process}`;
    const until = performance.now() + CLAIM_MS;
    for (;;) {
      const words = [keys.once(user, id), claim, 'NX', 'GET', 'PX', CLAIM_MS];
      const found = text(await link.served.call('SET', ...words));
      if (found === '' || found === claim) return null;
      if (!found.startsWith('?')) return recalled(found);
      // Another instance is busy with it: what becomes of it there decides what it is here.
      if (performance.now() > until) return null;
      await new Promise((resolve) => setTimeout(resolve, CLAIM_POLL_MS));
    }
  }

  async remember(once: Once, data: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#keep(once, `0\n${JSON.stringify({ digest: once.digest, data })}`);
  }

  async admit(key: string, window: Window): Promise<Admission> {
    const { link, keys } = this.#ground;
    const words = [window.limit, window.window_ms];
    const wait = Number(await link.served.run('admit', [keys.rate(key)], words));
    return { admitted: wait === 0, retryAfterMs: wait };
  }

  revoke(session: string): Promise<void> {
    return this.#users.revoke(session);
  }

  healthy(): boolean {
    return this.#ground.link.state === 'up';
  }

  sweep(): void {
    // Redis forgets by itself; the rest has timers of its own, which do not wait for a busy loop's sweep.
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.allSettled(this.#exits);
    try {
      await this.#lease.release(this.#rooms.empty && this.#users.empty);
    } catch (error) {
      // The others find out by the lease.
      this.#ground.log({ event: 'lease_not_released', reason: String(error) });
    }
    this.#ground.link.close();
  }

  async #keep(once: Once, value: string): Promise<void> {
    const { link, keys } = this.#ground;
    await link.served.call('SET', keys.once(once.user, once.id), value, 'PX', this.#dedupMs);
  }

  #every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    let busy = false;
    const timer = setInterval(() => {
      if (busy || this.#ground.link.state !== 'up') return;
      busy = true;
      work()
        .catch((error: unknown) =>
          this.#ground.log({ event: 'upkeep_failed', reason: String(error) }),
        )
        .finally(() => {
          busy = false;
        });
    }, ms);
    timer.unref();
    return timer;
  }

  async #renew(): Promise<void> {
    if (!(await this.#lease.stands())) this.#ground.link.resettle();
  }

  async #search(): Promise<void> {
    // After a loss of Redis everybody gets the time to renew.
    if (performance.now() - this.#ground.link.upSince < this.#lease.times.lengthMs) return;
    await this.#lease.search();
  }

  async #tend(): Promise<void> {
    await this.#users.tend();
    await this.#rooms.tend();
  }
}

/** Reads what is remembered of a request. */
function recalled(value: string): Remembered {
  const end = value.indexOf('\n');
  const { digest, data } = JSON.parse(value.slice(end + 1)) as Remembered;
  const seq = Number(value.slice(0, end));
  return { digest, data: seq > 0 ? { ...data, seq } : data };
}
