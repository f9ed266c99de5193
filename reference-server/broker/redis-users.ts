import type { Outgoing } from '../state.js';
import { BackendUnavailable, type Who } from './broker.js';
import { list, readBody, readPush, text, writeBody } from './redis-codec.js';
import { Feed, PAGE } from './redis-feed.js';
import { each, feedKeys, feedWords, type Ground } from './redis-ground.js';
import type { FeedKeys } from './redis-keys.js';
import { Lease } from './redis-lease.js';

/** What an instance is told beside its rooms. */
type Letter =
  | { readonly k: 'direct'; readonly to: string; readonly m: Outgoing }
  | { readonly k: 'broadcast'; readonly m: Outgoing }
  | { readonly k: 'revoked'; readonly s: string };

// Letters are kept so long, and so many, for an instance whose link is being renewed.
const KEPT_MS = 600_000;
const KEPT = 1_000;

const UNLIMITED = 1_000_000_000;

/** The users of an instance: their connections, and what they are sent apart from rooms. */
export class Users {
  readonly #ground: Ground;
  readonly #lease: Lease;
  readonly #feeds: ReadonlyMap<string, Feed>;
  readonly #seats = new Map<string, string>();
  /** How many connections each user has here, or is about to have. */
  readonly #counts = new Map<string, number>();
  /** Connections that are gone, and that Redis may still count. */
  readonly #doubts = new Map<string, string>();

  constructor(ground: Ground, lease: Lease) {
    this.#ground = ground;
    this.#lease = lease;
    const { keys } = ground;
    this.#feeds = new Map(
      [keys.inbox(lease.process), keys.everyone()].map((it) => [it.meta, this.#follow(it)]),
    );
  }

  /** Whether nobody is connected, for all that is known. */
  get empty(): boolean {
    return this.#seats.size === 0 && this.#doubts.size === 0;
  }

  /** Something came over a channel. */
  push(channel: string, bytes: Buffer): void {
    this.#feeds.get(channel)?.receive(readPush(bytes));
  }

  async enter({ user, connection }: Who, limit: number): Promise<boolean> {
    const { link, keys } = this.#ground;
    const lease = this.#lease.id;
    // Counted from now on, so that nobody takes the user off the list in the meantime.
    this.#count(user);
    try {
      await link.served.call('SADD', keys.usersOf(lease), user);
      const entered = await link.served.run('seat', [keys.seats(user)], [connection, lease, limit]);
      if (lease !== this.#lease.id) throw new BackendUnavailable('The lease has ended meanwhile.');
      if (entered === 1) this.#seats.set(connection, user);
      else this.#uncount(user);
      return entered === 1;
    } catch (error) {
      this.#doubts.set(connection, user);
      this.#uncount(user);
      throw error;
    }
  }

  async exit({ user, connection }: Who): Promise<void> {
    if (this.#seats.delete(connection)) this.#uncount(user);
    try {
      await this.#ground.link.served.call('HDEL', this.#ground.keys.seats(user), connection);
    } catch (error) {
      if (!(error instanceof BackendUnavailable)) throw error;
      this.#doubts.set(connection, user);
    }
  }

  /** Sends to the instances that hold a connection of the user; false when none does. */
  async direct(to: string, message: Outgoing): Promise<boolean> {
    const { link, keys } = this.#ground;
    const leases = list(await link.served.call('HVALS', keys.seats(to))).map(text);
    const processes = new Set(leases.map((lease) => Lease.processOf(lease)));
    await each(processes, (it) => this.#post(keys.inbox(it), { k: 'direct', to, m: message }));
    return processes.size > 0;
  }

  async broadcast(message: Outgoing): Promise<void> {
    await this.#post(this.#ground.keys.everyone(), { k: 'broadcast', m: message });
  }

  async revoke(session: string): Promise<void> {
    await this.#post(this.#ground.keys.everyone(), { k: 'revoked', s: session });
  }

  /** Makes up for what may have gone wrong; `anew`: nothing is recorded any more. */
  async restore(anew: boolean): Promise<void> {
    const { link, keys } = this.#ground;
    for (const channel of this.#feeds.keys()) await link.subscribe(channel);
    await this.tend();
    if (!anew) return;
    const lease = this.#lease.id;
    await each([...this.#counts.keys()], (user) =>
      link.upkeep.call('SADD', keys.usersOf(lease), user),
    );
    await each([...this.#seats], ([connection, user]) =>
      link.upkeep.run('seat', [keys.seats(user)], [connection, lease, UNLIMITED]),
    );
  }

  /** The work of every now and then. */
  async tend(): Promise<void> {
    const { link, keys } = this.#ground;
    await each([...this.#doubts], async ([connection, user]) => {
      if (!this.#seats.has(connection))
        await link.upkeep.call('HDEL', keys.seats(user), connection);
      this.#doubts.delete(connection);
    });
    for (const feed of this.#feeds.values()) await feed.sync();
  }

  async #post(feed: FeedKeys, letter: Letter): Promise<void> {
    const words = [...feedWords(this.#ground), writeBody(letter), KEPT, KEPT_MS, '', 0];
    await this.#ground.link.served.run('publish', [...feedKeys(feed), feed.meta], words);
  }

  #follow(keys: FeedKeys): Feed {
    const { link } = this.#ground;
    const audience = {
      said: ({ body }: { body: Buffer }) => this.#read(readBody<Letter>(body).json),
      // Letters have no numbers on the wire; what Redis has lost of them is lost.
      missing: () => undefined,
      unsure: () => undefined,
    };
    return new Feed(audience, (from) =>
      link.upkeep.run(
        'sync',
        [...feedKeys(keys), `${keys.meta}:none`],
        [
          ...feedWords(this.#ground),
          from?.epoch ?? '',
          from?.rev ?? 0,
          from?.seq ?? 0,
          from?.moves ?? 0,
          PAGE,
          KEPT_MS,
        ],
      ),
    );
  }

  #read(letter: Letter): void {
    const { listener } = this.#ground;
    if (letter.k === 'direct') listener.direct(letter.to, letter.m);
    else if (letter.k === 'broadcast') listener.broadcast(letter.m);
    else listener.revoked(letter.s);
  }

  #count(user: string): void {
    this.#counts.set(user, (this.#counts.get(user) ?? 0) + 1);
  }

  #uncount(user: string): void {
    const left = (this.#counts.get(user) ?? 1) - 1;
    if (left > 0) {
      this.#counts.set(user, left);
      return;
    }
    this.#counts.delete(user);
    const { link, keys } = this.#ground;
    link.upkeep.call('SREM', keys.usersOf(this.#lease.id), user).catch(() => {
      // A user too many on the list costs a look when the lease has ended.
    });
  }
}
