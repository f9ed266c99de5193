/** The run was ended from outside. */
export class Interrupted extends Error {
  constructor() {
    super('The run was interrupted.');
  }
}

/** The end of a run from outside: what it waits for ends with it, and nothing more begins. */
export class Interruption {
  readonly #signal: AbortSignal | undefined;
  readonly #ends = new Set<() => void>();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#end, { once: true });
  }

  /** Whether the run is to end. */
  get over(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** @throws Interrupted when the run is to end */
  check(): void {
    if (this.over) throw new Interrupted();
  }

  /** Calls back when the run is to end. @returns what takes that back */
  on(end: () => void): () => void {
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  /** The outcome of a promise. @throws Interrupted when the run is to end first */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(new Interrupted());
      if (this.over) stop();
      const forget = this.on(stop);
      promise.then(resolve, reject).finally(forget);
    });
  }

  /** Listens no longer. */
  forget(): void {
    this.#signal?.removeEventListener('abort', this.#end);
  }

  readonly #end = () => {
    for (const end of [...this.#ends]) end();
  };
}
