/** How much may be spent on making one failure smaller. */
export interface Limits {
  /** Conversations that may be held. */
  executions: number;
  /** Milliseconds after which the search is over. */
  timeMs: number;
}

/** Counts what was spent of the limits. */
export class Allowance {
  /** Conversations that were held. */
  executions = 0;
  /** What is in force: it is known only after some conversations how much a failure deserves. */
  limits: Limits;
  readonly #now: () => number;
  readonly #start: number;

  /** `now` gives milliseconds of a steady clock. */
  constructor(limits: Limits, now: () => number) {
    this.limits = limits;
    this.#now = now;
    this.#start = now();
  }

  /** Milliseconds since the beginning. */
  get spentMs(): number {
    return this.#now() - this.#start;
  }

  /** Whether the time is up. */
  get late(): boolean {
    return this.spentMs > this.limits.timeMs;
  }

  /** Takes so many conversations, unless that leaves fewer than `reserve`. */
  take(count: number, reserve = 0): boolean {
    if (this.executions + count + reserve > this.limits.executions) return false;
    this.executions += count;
    return true;
  }
}
