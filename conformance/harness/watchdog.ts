/** Why a wait was given up. */
export type Expiry =
  /** The target served another connection all the while: what did not come is not coming. */
  | 'silence'
  /** The machine or the target was too busy for too long to tell. */
  | 'noise'
  /** The target stopped answering altogether. */
  | 'lost';

/** What tells the watchdog whether the target is alive and the machine quiet. */
export interface Canary {
  /** Completed round trips so far; undefined when there is nothing to measure by but our own clock. */
  readonly roundTrips: number | undefined;
  /** Milliseconds since the last sign of life. */
  readonly silentFor: number;
}

/** A wait in progress. */
interface Waiter {
  ticks: number;
  deadline: number;
  expire: (why: Expiry) => void;
  /** Ticks of its patience that have passed. */
  used: number;
}

/** Milliseconds between two ticks on a quiet machine. */
export const TICK_MS = 100;
const PATIENCE_MS = 5_000;
const NOISE_LIMIT_MS = 60_000;
const LOST_AFTER_MS = 10_000;
const HEALTHY_LAG_MS = 250;

/**
 * Ends waits by lack of progress, not by a stopwatch: a wait expires after 50 healthy ticks, 5 s on a quiet
 * machine. A tick is healthy when the canary made a round trip and our own event loop was on time, so that a slow
 * machine stretches patience instead of making a right server look wrong.
 */
export class Watchdog {
  readonly #waiters = new Set<Waiter>();
  readonly #patienceMs: number;
  #canary: Canary | undefined;
  #timer: NodeJS.Timeout | undefined;
  #planned = 0;
  #seen = 0;
  #ticks = 0;
  #unhealthy = 0;
  /** Called after each tick. */
  onTick: () => void = () => {};

  /** `patienceMs` is how long a wait lasts on a quiet machine; default 5,000. */
  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  /** Begins to tick; without a canary only our own event loop is watched. */
  start(canary?: Canary): void {
    this.#canary = canary;
    this.#seen = canary?.roundTrips ?? 0;
    if (!this.#timer) this.#schedule();
  }

  /** Stops ticking; waits in progress never expire. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiters.clear();
  }

  /**
   * Watches a wait that may last `extraMs` longer than usual.
   *
   * @returns what ends it
   */
  watch(expire: (why: Expiry) => void, extraMs = 0): () => void {
    const waiter = {
      ticks: Math.ceil((this.#patienceMs + extraMs) / TICK_MS),
      deadline: performance.now() + NOISE_LIMIT_MS + 2 * extraMs,
      expire,
      used: 0,
    };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** The share of ticks, from 0 to 1, at which the machine or the target was too busy to count. */
  get noise(): number {
    return this.#ticks === 0 ? 0 : this.#unhealthy / this.#ticks;
  }

  /** Whether the target has stopped answering. */
  get lost(): boolean {
    return this.#canary?.roundTrips !== undefined && this.#canary.silentFor > LOST_AFTER_MS;
  }

  #schedule(): void {
    this.#planned = performance.now() + TICK_MS;
    this.#timer = setTimeout(() => {
      this.#tick(performance.now());
      if (this.#timer) this.#schedule();
    }, TICK_MS);
  }

  #tick(now: number): void {
    const healthy = now - this.#planned < HEALTHY_LAG_MS && this.#progressed();
    this.#ticks += 1;
    if (!healthy) this.#unhealthy += 1;
    for (const waiter of [...this.#waiters]) {
      if (healthy) waiter.used += 1;
      const why = waiter.used >= waiter.ticks ? (this.lost ? 'lost' : 'silence') : 'noise';
      if (why === 'noise' && now < waiter.deadline) continue;
      this.#waiters.delete(waiter);
      waiter.expire(why);
    }
    this.onTick();
  }

  #progressed(): boolean {
    const trips = this.#canary?.roundTrips;
    if (trips === undefined || this.lost) return true;
    const progressed = trips > this.#seen;
    this.#seen = trips;
    return progressed;
  }
}
