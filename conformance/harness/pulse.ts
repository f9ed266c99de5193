import { Journal } from './journal.js';
import { how, lastOutput, listens } from './process.js';
import type { StageRun } from './shared.js';
import { Stage } from './stage.js';
import { Inconclusive, TargetError, Violation } from './verdict.js';

const RESTARTS = 5;

/** The end of the target. */
export interface Death {
  /** What happened, in words. */
  text: string;
  /** When it was noticed, in milliseconds of `performance.now()`. */
  at: number;
}

/** Tells whether the target is still alive after something went wrong, and starts it again where that is ours to do. */
export class Pulse {
  readonly #run: StageRun;
  #restarts = 0;
  /** When the target was last started again, in milliseconds of `performance.now()`. */
  revivedAt = Number.NEGATIVE_INFINITY;
  #examining: Promise<Death | undefined> | undefined;
  #reviving: Promise<boolean> | undefined;

  constructor(run: StageRun) {
    this.#run = run;
  }

  /** How the target ended; undefined while it lives. Those who ask at the same time share the answer. */
  death(): Promise<Death | undefined> {
    this.#examining ??= this.#examine()
      .then((text) => (text === undefined ? undefined : { text, at: performance.now() }))
      .finally(() => {
        this.#examining = undefined;
      });
    return this.#examining;
  }

  /** Starts a dead target again, once for each death; false when the runner cannot, it does not start, or it has been started five times. */
  revive({ at }: Death): Promise<boolean> {
    if (this.revivedAt > at && this.#reviving === undefined) return Promise.resolve(true);
    this.#reviving ??= this.#restart().finally(() => {
      this.#reviving = undefined;
    });
    return this.#reviving;
  }

  async #restart(): Promise<boolean> {
    const { restart } = this.#run.target;
    if (!restart || this.#restarts >= RESTARTS) return false;
    this.#restarts += 1;
    const before = this.revivedAt;
    this.revivedAt = Number.POSITIVE_INFINITY;
    try {
      await restart();
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      // What does not start once will not start the next time: the run goes on without the target.
      this.#restarts = RESTARTS;
      this.revivedAt = before;
      return false;
    }
    this.revivedAt = performance.now();
    return true;
  }

  async #examine(): Promise<string | undefined> {
    const { target, watchdog } = this.#run;
    for (const instance of target.instances) {
      if (instance.running) continue;
      return `The server ended ${how(await instance.exited)}${lastOutput(instance)}`;
    }
    for (const url of target.urls)
      if (!(await listens(url))) return `The server no longer accepts connections at ${url}`;
    return watchdog.lost ? this.#mute() : undefined;
  }

  // The canary hears nothing any more: a fresh connection tells whether anybody does.
  async #mute(): Promise<string | undefined> {
    if (this.#run.hopeless || !this.#run.welcome) return undefined;
    const stage = new Stage(this.#run, new Journal(), 'pulse', true);
    try {
      await stage.connect('pulse');
      return undefined;
    } catch (error) {
      if (!(error instanceof Violation || error instanceof Inconclusive)) throw error;
      return 'The server no longer answers on any connection';
    } finally {
      stage.end();
    }
  }
}
