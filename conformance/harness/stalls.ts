/** How long a run was held up, at worst, in milliseconds. */
export interface Delay {
  /** The runner's own event loop. */
  runner: number;
  /** A round trip to the target. */
  target: number;
}

interface Stall {
  at: number;
  whose: keyof Delay;
  ms: number;
}

const BEAT_MS = 25;
const WORTH_KEEPING_MS = 20;
const KEEP = 2_000;

/** Remembers when the runner or the target was held up, so that what was seen meanwhile is not taken at its word. */
export class Stalls {
  readonly #stalls: Stall[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** For how long the target has not answered at present, in milliseconds. */
  waiting: () => number = () => 0;
  #beat = 0;

  /** Begins to watch the runner's own event loop. */
  start(): void {
    this.#beat = performance.now();
    this.#timer = setInterval(() => this.#tick(), BEAT_MS);
  }

  /** Stops watching. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Notes a round trip to the target, in milliseconds. */
  roundTrip(ms: number): void {
    this.#note('target', ms);
  }

  /** The worst delays since a moment of `performance.now()`. */
  async since(moment: number): Promise<Delay> {
    // A stall that has just ended is known with the next beat.
    await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
    this.#tick();
    const worst = { runner: 0, target: this.waiting() };
    for (const { at, whose, ms } of this.#stalls)
      if (at >= moment) worst[whose] = Math.max(worst[whose], ms);
    return worst;
  }

  #tick(): void {
    const now = performance.now();
    const late = now - this.#beat - BEAT_MS;
    this.#beat = now;
    this.#note('runner', late);
  }

  #note(whose: keyof Delay, ms: number): void {
    if (ms < WORTH_KEEPING_MS) return;
    this.#stalls.push({ at: performance.now(), whose, ms });
    if (this.#stalls.length > 2 * KEEP) this.#stalls.splice(0, KEEP);
  }
}

/** Whether a machine that was held up like this may have made a right server look wrong. */
export function tooBusy({ runner, target }: Delay, alone: boolean): boolean {
  if (runner >= 150) return true;
  // Alone on the machine a slow round trip is the target's own affair, unless we were held up as well.
  return target >= 300 && (!alone || runner >= 40);
}
