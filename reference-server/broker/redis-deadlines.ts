interface Pending {
  readonly since: number;
  readonly reject: (error: Error) => void;
}

const TICK_MS = 100;

/**
 * One deadline for everything that waits for Redis. It is looked at between two turns of the event loop in
 * which sockets were read: an answer that has come while this process was busy is never called late. Nor is one that
 * waits its turn: where answers come in order, those that come show that the others are on their way, so that the
 * deadline begins anew with each.
 */
export class Deadlines {
  readonly #ms: number;
  readonly #ordered: boolean;
  /** When the last answer came. */
  #heard = 0;
  readonly #pending = new Set<Pending>();
  readonly #timer: NodeJS.Timeout;

  /**
   * `overdue` is called when something has waited for too long; it is given the means to fail just that. `ordered`:
   * one connection carries all answers, in the order of the questions.
   */
  constructor(
    ms: number,
    overdue: (failLate: (error: Error) => void) => void,
    { ordered = false }: { ordered?: boolean } = {},
  ) {
    this.#ms = ms;
    this.#ordered = ordered;
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
      const done = () => {
        this.#heard = performance.now();
        this.#pending.delete(pending);
      };
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
    if (this.#ordered && this.#heard > limit) return late;
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
