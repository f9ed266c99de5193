import { systemClock, timestamp } from '../clock.js';
import type { Outgoing } from '../state.js';
import type { Snapshot } from './broker.js';
import { readTold } from './redis-codec.js';
import { type Audience, Feed, PAGE } from './redis-feed.js';
import type { Ground } from './redis-ground.js';
import { feedKeys, feedWords } from './redis-ground.js';

/** Rooms of more users than this are not compared with what their members were told. */
export const MOST_COMPARED = 10_000;

/** A room that has members on this instance. */
export class LocalRoom implements Audience {
  readonly name: string;
  readonly feed: Feed;
  /** The connections of this instance that are in the room, each with its user. */
  readonly here = new Map<string, string>();
  /** Connections whose join is under way. */
  readonly joining = new Set<string>();
  /** Resolves when the room's channel is subscribed to. */
  ready: Promise<void> | null = null;
  /** When the room was last compared with Redis, in steady milliseconds. */
  compared = 0;
  readonly #ground: Ground;
  /** Everybody of whom the members know; null where there are too many. */
  #roster: Set<string> | null = null;
  /** From when on who is present may be compared with the roster, in steady milliseconds; null: no need. */
  #unsureUntil: number | null = null;
  readonly #patience: number;

  /** `lease`: who this instance is; `patience`: how long others may take to record themselves anew, in ms. */
  constructor(ground: Ground, name: string, lease: () => string, patience: number) {
    this.name = name;
    this.#ground = ground;
    this.#patience = patience;
    const { keys, link } = ground;
    const room = keys.room(name);
    this.feed = new Feed(this, (from) =>
      link.upkeep.run(
        'sync',
        [...feedKeys(room), keys.at(name, lease())],
        [
          ...feedWords(ground),
          from?.epoch ?? '',
          from?.rev ?? 0,
          from?.seq ?? 0,
          from?.moves ?? 0,
          PAGE,
          0,
        ],
      ),
    );
  }

  /** Whether nobody of this instance is in the room, or about to be. */
  get empty(): boolean {
    return this.here.size === 0 && this.joining.size === 0;
  }

  /** Takes over who is present when the first member comes. */
  meet(members: readonly string[], count: number): void {
    if (this.feed.position === null && members.length === count) this.#roster = new Set(members);
  }

  said({ kind, body, seq }: { kind: string; body: Buffer; seq: number }, rev: number): void {
    const told = readTold(body, kind === 'c' ? seq : undefined);
    if (kind === 'm' && !this.#news(told.message)) return;
    this.#ground.listener.item({ room: this.name, rev, ...told });
  }

  missing(from: number, to: number | null, epoch: string, rev: number): void {
    const message: Outgoing = {
      type: 'gap',
      room: this.name,
      timestamp: timestamp(Date.now()),
      data: { from_seq: from, to_seq: to, epoch },
    };
    this.#ground.listener.item({ room: this.name, rev, message });
  }

  unsure(why: 'moves' | 'epoch'): void {
    const until = performance.now() + (why === 'epoch' ? this.#patience : 0);
    this.#unsureUntil = Math.max(this.#unsureUntil ?? 0, until);
  }

  /** Who is present, with those of whom it is not certain yet. */
  snapshot(listed: readonly string[], count: number, own?: string): Snapshot {
    const known = this.#unsureUntil !== null && this.#roster;
    const all = known ? [...new Set([...listed, ...known])] : listed;
    const total = known ? Math.max(count, all.length) : count;
    const { mostListed } = this.#ground;
    const first = own === undefined || all.slice(0, mostListed).includes(own) ? all : [own, ...all];
    return { members: first.slice(0, mostListed), count: total };
  }

  /** Compares what members were told with who is present, where that is due, and tells the difference. */
  async settlePresence(): Promise<void> {
    if (this.#unsureUntil === null || performance.now() < this.#unsureUntil) return;
    const roster = this.#roster;
    this.#unsureUntil = null;
    if (!roster) return;
    const { link, keys } = this.#ground;
    const reply = await link.upkeep.run(
      'present',
      [...feedKeys(keys.room(this.name)), keys.users(this.name)],
      [...feedWords(this.#ground), MOST_COMPARED],
    );
    const [epoch, rev, count, users] = reply as [Buffer, number, number, Buffer[]];
    const at = this.feed.position;
    // What is still on its way would be told twice.
    if (at?.epoch !== epoch.toString() || at.rev !== rev) return this.unsure('moves');
    if (count === users.length) this.#tellDifference(roster, new Set(users.map(String)));
  }

  #tellDifference(roster: ReadonlySet<string>, present: ReadonlySet<string>): void {
    const { rooms } = this.#ground.parts;
    const at = systemClock();
    const gone = [...roster].filter((user) => !present.has(user));
    const come = [...present].filter((user) => !roster.has(user));
    for (const user of gone)
      this.#tell(user, rooms.leaveEvent(this.name, user, 'disconnected', at));
    for (const user of come) this.#tell(user, rooms.joinEvent(this.name, user, at));
    this.#roster = new Set(present);
  }

  /** Tells this instance's members alone; in order it comes behind what was said so far. */
  #tell(user: string, message: Outgoing): void {
    const except = this.#ground.parts.rooms.presenceExcept(user);
    this.#ground.listener.item({
      room: this.name,
      rev: this.feed.now + 0.5,
      message,
      ...(except === undefined ? {} : { except }),
    });
  }

  /** Whether a coming or going is news to the members; it is entered in the roster. */
  #news({ type, data }: Outgoing): boolean {
    const roster = this.#roster;
    if (!roster) return true;
    const user = String(data['user']);
    if (type === 'leave') return roster.delete(user);
    if (roster.has(user)) return false;
    roster.add(user);
    return true;
  }
}
