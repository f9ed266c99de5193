import type { Frame } from './frames.js';
import type { Link } from './link.js';
import type { Connection, LocalRoom, Outbox } from './state.js';

/** The frames that a room's members are owed in this turn of the loop. */
interface Batch {
  readonly room: LocalRoom;
  readonly frames: Frame[];
  /** The order number of each frame. */
  readonly orders: number[];
  /** The user who is not told, for each frame. */
  readonly excepts: (string | undefined)[];
  bytes: number;
  selective: boolean;
  /** All frames in one piece, once the batch is flushed. */
  joined: Buffer | null;
}

/** A frame for one connection alone. */
export interface Letter {
  readonly frame: Frame;
  readonly order: number;
}

// More than this is not held back for the end of the turn.
const FULL_BYTES = 65_536;

/**
 * Gathers what leaves in one turn of the event loop, so that each connection is written to once. The system
 * call per member is what a delivery costs; frames of a room are joined once, and every member is handed the
 * same buffer. Every frame has an order number: a connection with letters of its own gets both in that order.
 */
export class Gatherer implements Outbox {
  #order = 0;
  #scheduled = false;
  #flushing = false;
  #since = 0;
  #batches: Batch[] = [];
  #links: Link[] = [];
  /** Links that entered a room in this turn. */
  #newcomers: Link[] = [];
  readonly #tapped: boolean;
  readonly #held: (ms: number) => void;

  /**
   * `tapped`: a tap looks at each frame on each connection, so nothing is shared.
   * `held` is told how many milliseconds a turn's first frame waited.
   */
  constructor(tapped: boolean, held: (ms: number) => void) {
    this.#tapped = tapped;
    this.#held = held;
  }

  room(room: LocalRoom, frame: Frame, except: string | undefined): void {
    if (this.#tapped) {
      for (const member of room.members)
        if (member.grant.user !== except) (member.link as Link).send(frame);
      return;
    }
    const batch = (room.batch as Batch | null) ?? this.#open(room);
    batch.frames.push(frame);
    batch.orders.push(this.#next());
    batch.excepts.push(except);
    if (except !== undefined) batch.selective = true;
    batch.bytes += frame.bytes.length;
    if (batch.bytes > FULL_BYTES) this.flush();
  }

  /** Queues a frame for one connection. */
  letter(link: Link, frame: Frame): void {
    if (link.letters.length === 0) this.#links.push(link);
    link.letters.push({ frame, order: this.#next() });
    link.held += frame.bytes.length;
    if (link.held > FULL_BYTES) this.flush();
  }

  entered(room: LocalRoom, connection: Connection): void {
    const link = connection.link as Link;
    if (link.entered.size === 0) this.#newcomers.push(link);
    link.entered.set(room, this.#next());
  }

  leaving(room: LocalRoom): void {
    if (room.batch) this.flush();
  }

  /** Writes everything that is held, once to each connection. */
  flush(): void {
    // A reader found too slow while it is written to is closed then and there: its rooms hear of it next turn.
    if (this.#flushing || (this.#batches.length === 0 && this.#links.length === 0)) return;
    this.#flushing = true;
    this.#held(performance.now() - this.#since);
    this.#write();
    this.#flushing = false;
    this.#since = performance.now();
  }

  #write(): void {
    const batches = this.#batches;
    const links = this.#links;
    this.#batches = [];
    this.#links = [];
    for (const batch of batches) {
      const { room } = batch;
      room.batch = null;
      batch.joined = join(batch.frames, batch.bytes);
      for (const member of room.members) {
        const link = member.link as Link;
        if (link.due.length === 0 && link.letters.length === 0) links.push(link);
        link.due.push(batch);
      }
    }
    for (const link of links) {
      const { due, letters } = link;
      link.due = [];
      link.letters = [];
      link.held = 0;
      write(link, due, letters);
    }
    for (const link of this.#newcomers) link.entered.clear();
    this.#newcomers = [];
  }

  #open(room: LocalRoom): Batch {
    const batch: Batch = {
      room,
      frames: [],
      orders: [],
      excepts: [],
      bytes: 0,
      selective: false,
      joined: null,
    };
    room.batch = batch;
    this.#batches.push(batch);
    return batch;
  }

  #next(): number {
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#since = performance.now();
      setImmediate(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
    this.#order += 1;
    return this.#order;
  }
}

export type { Batch };

/** Frames in one piece. */
export function join(frames: readonly Frame[], bytes: number): Buffer {
  const [only] = frames;
  if (frames.length === 1 && only) return only.bytes;
  return Buffer.concat(
    frames.map((frame) => frame.bytes),
    bytes,
  );
}

function write(link: Link, due: readonly Batch[], letters: readonly Letter[]): void {
  const [batch] = due;
  if (due.length === 1 && letters.length === 0 && batch && owedWhole(link, batch) && link.plain) {
    link.write(batch.joined as Buffer);
    return;
  }
  const frames = merge(link, due, letters);
  if (link.plain) {
    let bytes = 0;
    for (const frame of frames) bytes += frame.bytes.length;
    if (bytes > 0) link.write(join(frames, bytes));
  } else for (const frame of frames) link.writeFrame(frame);
}

/** Whether the connection is owed every frame of the batch. */
function owedWhole(link: Link, { room, orders, selective }: Batch): boolean {
  return !selective && since(link, room) < (orders[0] ?? 0);
}

/** The order number at which the connection entered the room; 0: before this turn. */
function since(link: Link, room: LocalRoom): number {
  return link.entered.size === 0 ? 0 : (link.entered.get(room) ?? 0);
}

/** Letters and the rooms' frames in one order, without what the connection is not owed. */
function merge(link: Link, due: readonly Batch[], letters: readonly Letter[]): Frame[] {
  const all: Letter[] = [...letters];
  const { user } = link.connection.grant;
  for (const batch of due) {
    const from = since(link, batch.room);
    for (let at = 0; at < batch.frames.length; at += 1) {
      const order = batch.orders[at] ?? 0;
      const except = batch.excepts[at];
      if (order > from && (except === undefined || except !== user))
        all.push({ frame: batch.frames[at] as Frame, order });
    }
  }
  return all.sort((a, b) => a.order - b.order).map((letter) => letter.frame);
}
