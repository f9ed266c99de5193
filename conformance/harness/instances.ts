import type { Check } from './check.js';
import type { Overrides } from './contract.js';
import type { Instance } from './process.js';
import { NotExercised } from './verdict.js';

/** Starts one server. */
export type Launch = (overrides: Overrides) => Promise<Instance>;

/** Lets at most `limit` servers start at once: starting costs more processor time than running. */
export function inTurn(launch: Launch, limit: number): Launch {
  const waiting: (() => void)[] = [];
  let starting = 0;
  return async (overrides) => {
    if (starting >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    starting += 1;
    try {
      return await launch(overrides);
    } finally {
      starting -= 1;
      waiting.shift()?.();
    }
  };
}

/** The servers that checks ask for: one each, or one for all that share the same variables. */
export class Instances {
  readonly #launch: Launch | undefined;
  readonly #shared = new Map<string, Promise<Instance>>();

  constructor(launch: Launch | undefined) {
    this.#launch = launch;
  }

  /**
   * The server that a check asks for, and what lets go of it.
   *
   * @throws NotExercised when the runner cannot start any
   */
  async acquire({ options }: Check): Promise<{ instance: Instance; release: () => Promise<void> }> {
    if (!this.#launch) throw new NotExercised('the runner does not own the start command');
    const overrides = options.instance ?? {};
    if (!options.shared) {
      const instance = await this.#launch(overrides);
      return { instance, release: () => instance.stop() };
    }
    const key = JSON.stringify(Object.entries(overrides).sort());
    const shared = this.#shared.get(key) ?? this.#launch(overrides);
    this.#shared.set(key, shared);
    const instance = await shared;
    if (!instance.running) this.#shared.delete(key);
    return { instance, release: async () => {} };
  }

  /** Ends the shared ones. */
  async stop(): Promise<void> {
    const started = await Promise.allSettled(this.#shared.values());
    await Promise.all(started.map((each) => each.status === 'fulfilled' && each.value.stop()));
  }
}
