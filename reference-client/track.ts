import type { Since } from '#schemas/types.js';

/** An event with a place in its room. */
export interface Numbered {
  readonly seq: number;
}

/** Events of a room that may never arrive; `to` is null where the end is not known. */
export interface Missing {
  readonly from: number;
  readonly to: number | null;
}

/** What follows from something that a room received. */
export interface Found<E> {
  /** The events that are the application's turn to see, in order. */
  readonly give: readonly E[];
  readonly missing?: Missing;
  /** A `join` with `since` is to be sent. */
  readonly catchUp?: boolean;
}

/** Where a room stands, as its `ack` of `join` says. */
export interface Standing {
  readonly seq: number;
  readonly epoch: string;
  readonly recovered?: boolean;
}

/** What a client has seen of a room: each event is given once, and a hole is found. */
export class Track<E extends Numbered> {
  #last: Since | undefined;
  // Events that arrived behind a hole; defined while the room catches up.
  #held: E[] | undefined;
  // The held events are of another epoch than `#last`.
  #foreign = false;
  // The next event is in its place, whatever its number.
  #open = false;

  /** The last event before which nothing is missing. */
  get since(): Since | undefined {
    return this.#last;
  }

  /** Takes an event; `resumes`: the server can replay. */
  event(event: E, resumes: boolean): Found<E> {
    if (!this.#last) return { give: [event] };
    if (!this.#foreign && event.seq <= this.#last.seq) return { give: [] };
    if (this.#held) {
      this.#held.push(event);
      return { give: [] };
    }
    const { epoch, seq } = this.#last;
    if (event.seq > seq + 1 && !this.#open && resumes) {
      this.#held = [event];
      return { give: [], catchUp: true };
    }
    const hole = event.seq > seq + 1 && !this.#open;
    this.#last = { epoch, seq: event.seq };
    this.#open = false;
    return { give: [event], ...(hole && { missing: { from: seq + 1, to: event.seq - 1 } }) };
  }

  /** Takes the server's word that events may be lost. */
  gap(from: number, to: number | null, epoch: string, resumes: boolean): Found<E> {
    if (!this.#last) return { give: [] };
    const same = epoch === this.#last.epoch;
    if (resumes) {
      this.#held ??= [];
      this.#foreign ||= !same;
      return { give: [], catchUp: true };
    }
    const missing = { from: same ? from : this.#last.seq + 1, to: same ? to : null };
    this.#last = { epoch, seq: Math.max(same ? this.#last.seq : 0, to ?? 0) };
    this.#open = to === null;
    return { give: [], missing };
  }

  /** Takes the `ack` of a `join`. */
  joined({ seq, epoch, recovered }: Standing): Found<E> {
    const before = this.#last;
    const held = this.#release();
    // All that is held comes again as a replay, in its place.
    if (before && recovered) return { give: [] };
    this.#last = { epoch, seq };
    if (!before) return { give: [] };
    const same = epoch === before.epoch && seq >= before.seq;
    if (same && seq === before.seq && recovered === undefined) return { give: held };
    return { give: held, missing: { from: before.seq + 1, to: same ? seq : null } };
  }

  /** Goes on with what there is, where catching up was refused. */
  givenUp(): Found<E> {
    const from = (this.#last?.seq ?? 0) + 1;
    const held = this.#release();
    const newest = held.at(-1);
    if (this.#last && newest) this.#last = { ...this.#last, seq: newest.seq };
    return { give: held, missing: { from, to: null } };
  }

  #release(): E[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#foreign = false;
    this.#open = false;
    return held;
  }
}
