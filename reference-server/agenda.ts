interface Entry {
  at: number;
  run: (() => void) | null;
}

/** A task that can be taken off the agenda again. */
export type Appointment = Entry;

// Node's timers hold 31 bits of milliseconds.
const FAR = 2 ** 31 - 1;

/** Everything that happens at its time (expiries, time limits, typing), on one timer: a heap by due time. */
export class Agenda {
  #heap: Entry[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #armed = Number.POSITIVE_INFINITY;
  #closed = false;
  readonly #now: () => number;

  /** `now`: the steady clock, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many tasks are waiting. */
  get size(): number {
    return this.#heap.length - this.#dropped;
  }

  /** Runs a task `delay` milliseconds from now; never, once the agenda is closed. */
  in(delay: number, run: () => void): Appointment {
    const entry: Entry = { at: this.#now() + delay, run };
    if (this.#closed) return { ...entry, run: null };
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    this.#arm();
    return entry;
  }

  /** Takes a task off the agenda; one that has run stays run. */
  cancel(entry: Appointment | undefined): void {
    if (!entry?.run) return;
    entry.run = null;
    this.#dropped += 1;
    // Cancelled entries are swept once they are the majority, so that renewals cannot grow the heap.
    if (this.#dropped > 64 && this.#dropped * 2 > this.#heap.length) this.#sweep();
  }

  /** Forgets every task, and takes no more: what is still being decided would keep the process alive. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#heap = [];
    this.#dropped = 0;
  }

  #arm(): void {
    const next = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
    if (next === this.#armed) return;
    clearTimeout(this.#timer);
    this.#armed = next;
    if (next === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(Math.ceil(next - this.#now()), 0), FAR);
    this.#timer = setTimeout(() => this.#run(), delay);
  }

  #run(): void {
    this.#armed = Number.POSITIVE_INFINITY;
    const now = this.#now();
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      const { run } = first;
      first.run = null;
      if (run) run();
      else this.#dropped -= 1;
    }
    this.#arm();
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((entry) => entry.run).sort((a, b) => a.at - b.at);
    this.#dropped = 0;
    this.#arm();
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (this.#at(child) < this.#at(least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #up(start: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#at(parent) <= this.#at(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const held = heap[a] as Entry;
    heap[a] = heap[b] as Entry;
    heap[b] = held;
  }
}
