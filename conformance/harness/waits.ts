import { type Explanation, Inconclusive, Violation } from './verdict.js';
import type { Expiry, Watchdog } from './watchdog.js';

const STALLED_MS = 500;

// A wait that is announced to last that long is one for time to pass.
const LONG_MS = 100;

/** The waits of one check: lengthened together, ended together, and known to the schedule. */
export class Waits {
  readonly #watchdog: Watchdog;
  readonly #fence: () => Promise<void> | undefined;
  // What ends each wait in progress, and since when it counts as one; the latest is last.
  readonly #waits = new Map<() => void, number>();
  #extraMs = 0;
  #ended = false;

  /** `fence`: what has to be over before silence counts, where the watchdog does not see the server; else undefined. */
  constructor(watchdog: Watchdog, fence: () => Promise<void> | undefined = () => undefined) {
    this.#watchdog = watchdog;
    this.#fence = fence;
  }

  /** Whether the check waits for time to pass, or has done nothing but wait for half a second and longer. */
  get stalled(): boolean {
    const [since] = [...this.#waits.values()].slice(-1);
    return since !== undefined && performance.now() - since > STALLED_MS;
  }

  /** Lengthens every later wait, in milliseconds. */
  lengthen(ms: number): void {
    this.#extraMs = Math.max(this.#extraMs, ms);
  }

  /** Watches one wait. @returns what ends it */
  watch(expire: (why: Expiry) => void, extraMs: number): () => void {
    let over = false;
    const expired = (why: Expiry) => {
      const fenced = why === 'silence' ? this.#fence() : undefined;
      if (fenced) void fenced.then(() => over || expire(why));
      else expire(why);
    };
    const unwatch = this.#watchdog.watch(expired, this.#extraMs + extraMs);
    const stop = () => {
      over = true;
      this.#waits.delete(stop);
      unwatch();
    };
    this.#waits.set(stop, since(extraMs));
    return stop;
  }

  /** Waits for a promise as patiently as for a message. */
  within<T>(promise: Promise<T>, explanation: Explanation, extraMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const unwatch = this.watch((why) => {
        if (why === 'noise')
          reject(new Inconclusive(`the machine was too busy to tell: ${explanation.actual}`));
        else reject(new Violation(explanation));
      }, extraMs);
      promise.then(resolve, reject).finally(unwatch);
    });
  }

  /** Lets a time pass, in milliseconds; after the end it never does, so that a loop of a check that failed goes no further. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return;
      const stop = () => clearTimeout(timer);
      const timer = setTimeout(() => {
        this.#waits.delete(stop);
        resolve();
      }, ms);
      this.#waits.set(stop, since(ms));
    });
  }

  /** Ends all waits: they never settle. */
  end(): void {
    this.#ended = true;
    for (const stop of [...this.#waits.keys()]) stop();
    this.#waits.clear();
  }
}

const since = (ms: number) => (ms > LONG_MS ? Number.NEGATIVE_INFINITY : performance.now());
