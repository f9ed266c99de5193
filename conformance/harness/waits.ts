import { type Explanation, Inconclusive, Violation } from './verdict.js';
import type { Expiry, Watchdog } from './watchdog.js';

const STALLED_MS = 500;

/** The waits of one check: lengthened together, ended together, and known to the schedule. */
export class Waits {
  readonly #watchdog: Watchdog;
  // What ends each wait in progress, and when it began; the latest is last.
  readonly #waits = new Map<() => void, number>();
  #extraMs = 0;
  #ended = false;

  constructor(watchdog: Watchdog) {
    this.#watchdog = watchdog;
  }

  /** Whether nothing but waiting has been done for half a second and longer. */
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
    const unwatch = this.#watchdog.watch(expire, this.#extraMs + extraMs);
    this.#waits.set(unwatch, performance.now());
    return () => {
      this.#waits.delete(unwatch);
      unwatch();
    };
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
      this.#waits.set(stop, performance.now());
    });
  }

  /** Ends all waits: they never settle. */
  end(): void {
    this.#ended = true;
    for (const stop of [...this.#waits.keys()]) stop();
    this.#waits.clear();
  }
}
