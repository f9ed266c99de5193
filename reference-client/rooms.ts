import type { Incoming } from './frames.js';
import type { Track } from './track.js';

/** What became of the wish to be in a room. */
export type JoinOutcome =
  | { readonly status: 'joined'; readonly members: readonly string[]; readonly count: number }
  | { readonly status: 'refused'; readonly code: string; readonly message: string }
  /** The application left the room, or the client stopped, before there was an answer. */
  | { readonly status: 'left' };

/** An event with a place in a room. */
export type Sequenced = Incoming & { readonly room: string; readonly seq: number };

/** A room that the application is in, wants to be in, or is leaving. */
export interface Room {
  readonly name: string;
  readonly track: Track<Sequenced>;
  /** A request is to be sent (`due`, `leaving`), waits for its answer (`asked`), or none is needed (`in`). */
  state: 'due' | 'asked' | 'in' | 'leaving';
  /** The present connection is in the room. */
  entered: boolean;
  /** The last `ack` of `join`. */
  joined: JoinOutcome | undefined;
  /** When the next `join` may be sent after a refusal, in milliseconds. */
  notBefore: number;
  /** Refusals since the room was last entered. */
  refusals: number;
  readonly waiters: ((outcome: JoinOutcome) => void)[];
}

/** The list of rooms: which of them a connection has to enter or leave. */
export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #track: () => Track<Sequenced>;

  constructor(track: () => Track<Sequenced>) {
    this.#track = track;
  }

  /** The rooms, in the order in which they were wanted. */
  get all(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  get(name: string | undefined): Room | undefined {
    return name === undefined ? undefined : this.#rooms.get(name);
  }

  /** Notes that the application wants to be in a room; `waiter` hears what became of it. */
  want(name: string, waiter: (outcome: JoinOutcome) => void): void {
    let room = this.#rooms.get(name);
    // Its `leave` was not sent yet.
    if (room?.state === 'leaving') room.state = room.entered ? 'in' : 'asked';
    if (room?.state === 'in' && room.joined) {
      waiter(room.joined);
      return;
    }
    room ??= {
      name,
      track: this.#track(),
      state: 'due',
      entered: false,
      joined: undefined,
      notBefore: 0,
      refusals: 0,
      waiters: [],
    };
    room.waiters.push(waiter);
    this.#rooms.set(name, room);
  }

  /** Notes that the application wants to leave a room. */
  unwant(name: string): void {
    const room = this.#rooms.get(name);
    if (!room) return;
    answer(room, { status: 'left' });
    if (room.entered || room.state === 'asked') room.state = 'leaving';
    else this.#rooms.delete(name);
  }

  /** Forgets a room. */
  forget(room: Room): void {
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
  }

  /** Notes the end of a connection: every room that is still wanted has to be entered again. */
  ended(): void {
    for (const room of this.#rooms.values()) {
      room.entered = false;
      room.notBefore = 0;
      if (room.state === 'leaving') this.#rooms.delete(room.name);
      else room.state = 'due';
    }
  }

  /** Answers all who wait for a room: nothing is entered any more. */
  stop(): void {
    for (const room of this.#rooms.values()) answer(room, { status: 'left' });
    this.#rooms.clear();
  }
}

/** Tells those who wait for a room what became of it. */
export function answer(room: Room, outcome: JoinOutcome): void {
  for (const waiter of room.waiters.splice(0)) waiter(outcome);
}
