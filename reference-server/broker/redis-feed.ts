import {
  type Entry,
  type Kept,
  list,
  type Position,
  type Reply,
  readPosition,
  readStream,
} from './redis-codec.js';

/** What a feed tells of. */
export interface Audience {
  /** Something was said; `rev` grows without end, whatever Redis loses. */
  said(
    entry: { readonly kind: string; readonly body: Buffer; readonly seq: number },
    rev: number,
  ): void;
  /** The messages from `from` to `to` (null: up to the next) will not come. */
  missing(from: number, to: number | null, epoch: string, rev: number): void;
  /** Comings and goings may have been missed. */
  unsure(why: 'moves' | 'epoch'): void;
}

const EMPTY = { rev: 0, seq: 0, moves: 0 };

// Above this a feed that is being brought up to date drops what comes, and asks once more.
const MOST_BUFFERED = 10_000;

/** The page size of what is fetched. */
export const PAGE = 100;

/**
 * One ordered channel as this instance follows it. Redis numbers everything that is said, so what was lost on
 * the way shows: it is fetched from the log, and what is no longer there is told as missing.
 */
export class Feed {
  readonly #audience: Audience;
  /** Fetches what came after a position; `null`: only where the feed is at present. */
  readonly #fetch: (from: Position | null) => Promise<Reply>;
  #position: Position | null = null;
  /** What is added to `rev` of the present epoch, so that it never goes back. */
  #base = 0;
  /** The highest order number that was given out. */
  #top = 0;
  #buffer: Entry[] = [];
  #syncing: Promise<readonly string[]> | null = null;

  constructor(audience: Audience, fetch: (from: Position | null) => Promise<Reply>) {
    this.#audience = audience;
    this.#fetch = fetch;
  }

  /** How far the feed has come; null before it was opened. */
  get position(): Position | null {
    return this.#position;
  }

  /** The order number of the moment: all that was said before is not above it, all that follows is. */
  get now(): number {
    return this.#base + (this.#position?.rev ?? 0);
  }

  /** Something came over the channel. */
  receive(entry: Entry): void {
    const at = this.#position;
    if (at && entry.epoch === at.epoch && entry.rev <= at.rev) return;
    // Also while the feed is brought up to date: what is fetched then leaves out what was said already.
    if (at && follows(entry, at)) {
      this.#say(entry, entry);
      return;
    }
    if (!at || this.#syncing) {
      if (this.#buffer.length < MOST_BUFFERED) this.#buffer.push(entry);
      return;
    }
    this.#buffer.push(entry);
    this.sync().catch(() => {
      // The link is lost: the feed is brought up to date when it is back.
    });
  }

  /**
   * Takes a position that a script answered with: the feed's first one opens it. Resolves to its order number;
   * null when the feed has moved to another epoch.
   */
  async at(position: Position): Promise<number | null> {
    if (!this.#position) {
      this.#position = position;
      this.#drain();
    }
    if (this.#position.epoch !== position.epoch) await this.sync();
    if (this.#position.epoch !== position.epoch) return null;
    const rev = this.#base + position.rev;
    this.#top = Math.max(this.#top, rev);
    return rev;
  }

  /** Brings the feed up to date; resolves to what else the fetch found: this instance's connections there. */
  sync(): Promise<readonly string[]> {
    this.#syncing ??= this.#sync().then(
      (here) => {
        this.#syncing = null;
        this.#drain();
        return here;
      },
      (error: unknown) => {
        this.#syncing = null;
        throw error;
      },
    );
    return this.#syncing;
  }

  async #sync(): Promise<readonly string[]> {
    for (;;) {
      const reply = list(await this.#fetch(this.#position));
      const [, , , , said = [], moved = [], here = []] = reply;
      const done = this.#apply(readPosition(reply), readStream(said), readStream(moved));
      if (done) return list(here).map(String);
    }
  }

  #apply(end: Position, said: readonly Kept[], moved: readonly Kept[]): boolean {
    if (!this.#position) {
      this.#position = end;
      return true;
    }
    if (this.#position.epoch !== end.epoch) this.#begin(end.epoch);
    const last = said.at(-1);
    const partial = said.length === PAGE && last !== undefined && last.number < end.seq;
    const until = partial ? last.rev : end.rev;
    const entries = [
      ...said.map((it) => ({ ...it, kind: 'c', seq: it.number, moves: 0 })),
      ...moved.map((it) => ({ ...it, kind: 'm', seq: 0, moves: it.number })),
      // Hints are in no log: those that came behind the hole are all there is of them.
      ...this.#buffer.filter(({ kind, epoch }) => kind === 'r' && epoch === end.epoch),
    ]
      .filter(({ rev }) => rev <= until)
      .sort((a, b) => a.rev - b.rev);
    for (const { kind, rev, seq, moves, body } of entries) {
      const at: Position = this.#position;
      if (rev <= at.rev) continue;
      if (kind === 'c' && seq > at.seq + 1) this.#lack(at.seq + 1, seq - 1, rev - 1);
      if (kind === 'm' && moves > at.moves + 1) this.#audience.unsure('moves');
      const after = {
        ...at,
        rev,
        ...(kind === 'c' ? { seq } : {}),
        ...(kind === 'm' ? { moves } : {}),
      };
      this.#say({ kind, body, seq: after.seq }, after);
    }
    if (partial) return false;
    const { seq, moves } = this.#position;
    if (end.seq > seq) this.#lack(seq + 1, end.seq, end.rev);
    if (end.moves > moves) this.#audience.unsure('moves');
    if (end.rev >= this.#position.rev) this.#position = end;
    return true;
  }

  /** Redis has lost the numbers and begins again. */
  #begin(epoch: string): void {
    this.#base = Math.ceil(Math.max(this.#top, this.now)) + 1;
    this.#position = { ...EMPTY, epoch };
    this.#audience.missing(1, null, epoch, this.#base);
    this.#audience.unsure('epoch');
  }

  #lack(from: number, to: number, rev: number): void {
    this.#audience.missing(from, to, this.#position?.epoch ?? '', this.#base + rev);
  }

  #say(entry: { kind: string; body: Buffer; seq: number }, { epoch, rev, seq, moves }: Position) {
    this.#position = { epoch, rev, seq, moves };
    this.#top = Math.max(this.#top, this.#base + rev);
    this.#audience.said(entry, this.#base + rev);
  }

  #drain(): void {
    const buffer = this.#buffer;
    this.#buffer = [];
    // What is of another epoch was said before the one that the feed has come to.
    for (const entry of buffer) if (entry.epoch === this.#position?.epoch) this.receive(entry);
  }
}

/** Whether nothing that is kept was said in between. */
function follows(entry: Entry, at: Position): boolean {
  return (
    entry.epoch === at.epoch &&
    entry.seq - (entry.kind === 'c' ? 1 : 0) === at.seq &&
    entry.moves - (entry.kind === 'm' ? 1 : 0) === at.moves
  );
}
