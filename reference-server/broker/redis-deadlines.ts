interface Pending {
  readonly since: number;
  readonly reject: (error: Error) => void;
}

const TICK_MS = 100;

/**
 * One deadline for everything that waits for Redis. It is looked at between two turns of the event loop in
 * which sockets were read: an answer that has come while this process was busy is never called late.
 */
export class Deadlines {
  readonly #ms: number;
  readonly #pending = new Set<Pending>();
  readonly #timer: NodeJS.Timeout;

  /** `overdue` is called when something has waited for too long; it is given the means to fail just that. */
  constructor(ms: number, overdue: (failLate: (error: Error) => void) => void) {
    this.#ms = ms;
    this.#timer = setInterval(() => {
      if (this.#late().length === 0) return;
      // Sockets are read after timers and before immediates.
      setImmediate(() => {
        const late = this.#late();
        if (late.length > 0) overdue((error) => this.#fail(late, error));
      });
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Waits for what is begun, but not for longer than the deadline. */
  within<T>(start: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { since: performance.now(), reject };
      this.#pending.add(pending);
      const done = () => this.#pending.delete(pending);
      start().then(
        (value) => {
          done();
          resolve(value);
        },
        (error: Error) => {
          done();
          reject(error);
        },
      );
    });
  }

  /** Fails everything that waits. */
  fail(error: Error): void {
    this.#fail([...this.#pending], error);
  }

  /** Fails everything and watches no longer. */
  close(error: Error): void {
    clearInterval(this.#timer);
    this.fail(error);
  }

  #late(): Pending[] {
    const limit = performance.now() - this.#ms;
    const late: Pending[] = [];
    // In the order of their beginning: the first that is in time ends the search.
    for (const pending of this.#pending) {
      if (pending.since > limit) break;
      late.push(pending);
    }
    return late;
  }

  #fail(these: readonly Pending[], error: Error): void {
    for (const pending of these) {
      this.#pending.delete(pending);
      pending.reject(error);
    }
  }
}
