import type { Rate } from '#schemas/types.js';
import type { Admission, Window } from './broker/broker.js';
import { refuse } from './errors.js';
import { after, type Maybe } from './maybe.js';
import type { Connection, Core, Effect, Gate, Incoming } from './state.js';

/** Decides on the messages of one bucket and one key. */
export interface Limiter {
  /** Asks for one message at a steady time in milliseconds; an admitted one is entered. */
  admit(now: number): Admission;
  /** Whether nothing of it counts any more, so that it may be forgotten. */
  idle(now: number): boolean;
}

/** The decisions of the chapter `rates`. */
export interface RatesParts {
  /** The bucket that counts a type, if any does. */
  bucket(type: string, rates: readonly Rate[]): Rate | undefined;
  /** A fresh limiter: the sliding log. */
  limiter(window: Window): Limiter;
  /** Whose messages share the window, by name; null: the connection's own. */
  sharedKey(rate: Rate, connection: Connection): string | null;
  /** Enters a refusal; whether it is the one that closes the connection. */
  closes(connection: Connection, rate: Rate, now: number): boolean;
}

/**
 * The sliding log: a message at t is admitted exactly when fewer than `limit` admitted ones lie in
 * (t − window, t]. It keeps the times of those, and of no others for long.
 */
export class SlidingLog implements Limiter {
  readonly #limit: number;
  readonly #span: number;
  readonly #times: number[] = [];
  /** Where the times begin that still count. */
  #first = 0;

  constructor({ limit, window_ms }: Window) {
    this.#limit = limit;
    this.#span = window_ms;
  }

  admit(now: number): Admission {
    const oldest = this.#expire(now);
    if (this.#times.length - this.#first < this.#limit) {
      this.#times.push(now);
      return ADMITTED;
    }
    return { admitted: false, retryAfterMs: Math.max(1, Math.ceil(oldest + this.#span - now)) };
  }

  idle(now: number): boolean {
    this.#expire(now);
    return this.#first === this.#times.length;
  }

  /** Passes over the times that count no more; gives the oldest that does. */
  #expire(now: number): number {
    const times = this.#times;
    let oldest = times[this.#first];
    while (oldest !== undefined && oldest + this.#span <= now) {
      this.#first += 1;
      oldest = times[this.#first];
    }
    // Cut off only once it is the greater part, so that a time is moved once at most.
    if (this.#first * 2 > times.length) {
      times.splice(0, this.#first);
      this.#first = 0;
    }
    return oldest ?? now;
  }
}

const ADMITTED: Admission = { admitted: true, retryAfterMs: 0 };

/** As the specification has it. */
export const rates: RatesParts = {
  bucket: (type, all) => all.find((rate) => rate.types.includes(type)),
  limiter: (window) => new SlidingLog(window),
  sharedKey: (rate, { grant }) => (rate.scope === 'user' ? `${rate.bucket}:${grant.user}` : null),
  closes(connection, rate, now) {
    if (rate.close_after === 0) return false;
    connection.refusals ??= new Map();
    const recent = (connection.refusals.get(rate.bucket) ?? []).filter(
      (time) => time > now - rate.window_ms,
    );
    recent.push(now);
    connection.refusals.set(rate.bucket, recent);
    return recent.length >= rate.close_after;
  },
};

function ask(core: Core, connection: Connection, rate: Rate, incoming: Incoming): Maybe<Admission> {
  const key = core.parts.rates.sharedKey(rate, connection);
  if (key !== null) return core.broker.admit(key, rate, incoming.at);
  connection.limiters ??= new Map();
  let limiter = connection.limiters.get(rate.bucket);
  if (!limiter) {
    limiter = core.parts.rates.limiter(rate);
    connection.limiters.set(rate.bucket, limiter);
  }
  return limiter.admit(incoming.at.steady);
}

function refused(
  core: Core,
  connection: Connection,
  rate: Rate,
  incoming: Incoming,
  wait: number,
): Effect[] {
  const { request, at } = incoming;
  const effects = refuse(core, connection, request, at, 'rate_limited', TOO_FAST, {
    bucket: rate.bucket,
    limit: rate.limit,
    retry_after_ms: wait,
  });
  if (core.parts.rates.closes(connection, rate, at.steady)) {
    const reason = `rate_limited;retry_after_ms=${wait}`;
    effects.push({ do: 'close', closing: { code: 4101, reason } });
  }
  return effects;
}

const TOO_FAST = 'More messages came than the bucket admits in its window.';

/** Lets a message pass when its bucket admits it. */
export const rateGate: Gate = (core, connection, incoming) => {
  const rate = core.parts.rates.bucket(incoming.request.type, core.config.rates);
  if (!rate) return null;
  return after(ask(core, connection, rate, incoming), ({ admitted, retryAfterMs }) =>
    admitted ? null : refused(core, connection, rate, incoming, retryAfterMs),
  );
};
