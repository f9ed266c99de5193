/**
 * The names of everything in Redis. What one script touches has one hash tag, the part in braces: on a Redis
 * Cluster it lies in one slot. A room's channel is named like its meta key, so it lies there too.
 */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A feed of a room: its numbers (and its channel), its log and its comings and goings. */
  room(room: string): FeedKeys {
    return this.#feed(`${this.#prefix}{r:${room}}`);
  }

  /** Who is in a room: each user with the number of connections. */
  users(room: string): string {
    return `${this.#prefix}{r:${room}}:users`;
  }

  /** The connections in a room that one lease answers for, each with its user. */
  at(room: string, lease: string): string {
    return `${this.#prefix}{r:${room}}:at:${lease}`;
  }

  /** What one process is sent. */
  inbox(process: string): FeedKeys {
    return this.#feed(`${this.#prefix}{i:${process}}`);
  }

  /** What every process is sent. */
  everyone(): FeedKeys {
    return this.#feed(`${this.#prefix}{all}`);
  }

  /** A user's connections, each with its lease. */
  seats(user: string): string {
    return `${this.#prefix}{u:${user}}:seats`;
  }

  /** The log of a rate bucket. */
  rate(key: string): string {
    return `${this.#prefix}{q:${key}}`;
  }

  /** The `ack` of a user's request. */
  once(user: string, id: string): string {
    return `${this.#prefix}{u:${user}}:once:${id}`;
  }

  /** The same, in the slot of the room that the request was for. */
  onceIn(room: string, user: string, id: string): string {
    return `${this.#prefix}{r:${room}}:once:${id}:${user}`;
  }

  /** Every lease with its end, and those that have ended and are not yet cleared away. */
  leases(): readonly [living: string, dead: string] {
    return [`${this.#prefix}{leases}`, `${this.#prefix}{leases}:dead`];
  }

  /** The rooms in which a lease may have connections. */
  roomsOf(lease: string): string {
    return `${this.#prefix}{l:${lease}}:rooms`;
  }

  /** The users of whom a lease may have connections. */
  usersOf(lease: string): string {
    return `${this.#prefix}{l:${lease}}:users`;
  }

  /** A session. */
  session(key: string): string {
    return `${this.#prefix}{s:${key}}`;
  }

  #feed(meta: string): FeedKeys {
    return { meta, log: `${meta}:log`, moves: `${meta}:moves` };
  }
}

/** The keys of one ordered feed. */
export interface FeedKeys {
  /** The numbers, and the channel's name. */
  readonly meta: string;
  /** The sequenced messages, as a stream. */
  readonly log: string;
  /** The last comings and goings, as a stream. */
  readonly moves: string;
}
