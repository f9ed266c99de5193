import type { Overrides } from './contract.js';
import type { Instance } from './process.js';
import { Turns } from './turns.js';
import { NotExercised } from './verdict.js';

/** Why a check is not exercised that needs a server of its own. */
export const NO_START = 'the runner does not own the start command (--start)';

/** Starts one server. */
export type Launch = (overrides: Overrides) => Promise<Instance>;

/** Lets at most `limit` servers start at once: starting costs more processor time than running. */
export function inTurn(launch: Launch, limit: number): Launch {
  const turns = new Turns(limit);
  return async (overrides) => {
    const done = await turns.take();
    return launch(overrides).finally(done);
  };
}

/** A server in use. */
export interface Acquired {
  instance: Instance;
  release: () => Promise<void>;
}

/** The servers that checks ask for: one each, or one for all that share the same variables. */
export class Instances {
  readonly #launch: Launch | undefined;
  readonly #shared = new Map<string, Promise<Instance>>();

  constructor(launch: Launch | undefined) {
    this.#launch = launch;
  }

  /**
   * A server with these variables, and what lets go of it. A shared one serves all who ask for the same: those that
   * share with all others, or those that run apart.
   *
   * @throws NotExercised when the runner cannot start any
   */
  async acquire(overrides: Overrides, by?: 'all' | 'apart'): Promise<Acquired> {
    if (!this.#launch) throw new NotExercised(NO_START);
    if (!by) {
      const instance = await this.#launch(overrides);
      return { instance, release: () => instance.stop() };
    }
    const key = JSON.stringify([by, ...Object.entries(overrides).sort()]);
    let instance = await this.#take(key, overrides);
    if (!instance.running) {
      this.#shared.delete(key);
      instance = await this.#take(key, overrides);
    }
    return { instance, release: async () => {} };
  }

  #take(key: string, overrides: Overrides): Promise<Instance> {
    const known = this.#shared.get(key);
    if (known || !this.#launch) return known ?? Promise.reject(new Error('nothing to start'));
    const fresh = this.#launch(overrides);
    this.#shared.set(key, fresh);
    return fresh;
  }

  /** Ends the shared ones. */
  async stop(): Promise<void> {
    const started = await Promise.allSettled(this.#shared.values());
    await Promise.all(started.map((each) => each.status === 'fulfilled' && each.value.stop()));
  }
}
