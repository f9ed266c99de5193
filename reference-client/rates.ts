import type { Rate } from '#schemas/types.js';

interface Bucket {
  rule: Rate;
  /** By the id of the request: when it was answered, or undefined while it is not. */
  readonly entries: Map<string, number | undefined>;
  heldUntil: number;
}

// What keeps the connection alive finds a place also where everything else is used up.
const VITAL = ['ping', 'auth'];
const RESERVE = 2;

/** The server's sliding logs as the client can know them, on the safe side; times in milliseconds. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes over the announced buckets; the logs of buckets that stay are kept. */
  announce(rules: readonly Rate[]): void {
    for (const name of this.#buckets.keys())
      if (!rules.some(({ bucket }) => bucket === name)) this.#buckets.delete(name);
    for (const rule of rules) {
      const known = this.#buckets.get(rule.bucket);
      if (known) known.rule = rule;
      else this.#buckets.set(rule.bucket, { rule, entries: new Map(), heldUntil: 0 });
    }
  }

  /** How long a request has to wait; 0: it may go; Infinity: until an answer comes. */
  wait(type: string, id: string, now: number): number {
    const bucket = this.#of(type);
    if (!bucket) return 0;
    const { rule, entries } = bucket;
    for (const [key, at] of entries)
      if (at !== undefined && at <= now - rule.window_ms) entries.delete(key);
    const held = Math.max(0, bucket.heldUntil - now);
    // A request that is sent again is counted once: the server executes it once.
    const others = [...entries].filter(([key]) => key !== id);
    const excess = others.length - room(rule, type);
    if (excess < 0) return held;
    const answered = others.flatMap(([, at]) => at ?? []).sort((a, b) => a - b);
    const frees = answered[excess] ?? Number.POSITIVE_INFINITY;
    return Math.max(held, frees + rule.window_ms - now);
  }

  /** Notes that a request was sent. */
  sent(type: string, id: string): void {
    this.#of(type)?.entries.set(id, undefined);
  }

  /** Notes that a request was answered. */
  answered(id: string, now: number): void {
    for (const { entries } of this.#buckets.values()) if (entries.has(id)) entries.set(id, now);
  }

  /** Notes that a request was refused as `rate_limited`: it is not counted, and its bucket waits. */
  refused(type: string, id: string, until: number): void {
    const bucket = this.#of(type) ?? this.#unannounced(type);
    bucket.entries.delete(id);
    bucket.heldUntil = Math.max(bucket.heldUntil, until);
  }

  /** Notes the end of a connection: what the user's connections share is kept, the rest is gone. */
  ended(now: number): void {
    for (const bucket of this.#buckets.values()) {
      if (bucket.rule.scope === 'user') {
        for (const [id, at] of bucket.entries) bucket.entries.set(id, at ?? now);
      } else {
        bucket.entries.clear();
        bucket.heldUntil = 0;
      }
    }
  }

  /** A bucket without a limit, so that also a server with a hidden one is not asked in a loop. */
  #unannounced(type: string): Bucket {
    const rule: Rate = {
      bucket: `unannounced ${type}`,
      types: [type],
      limit: Number.MAX_SAFE_INTEGER,
      window_ms: 1,
      scope: 'connection',
      close_after: 0,
    };
    const bucket = { rule, entries: new Map(), heldUntil: 0 };
    this.#buckets.set(rule.bucket, bucket);
    return bucket;
  }

  #of(type: string): Bucket | undefined {
    return [...this.#buckets.values()].find(({ rule }) => rule.types.includes(type));
  }
}

function room({ types, limit }: Rate, type: string): number {
  const reserves = !VITAL.includes(type) && types.some((each) => VITAL.includes(each));
  return reserves ? limit - Math.min(RESERVE, Math.floor(limit / 4)) : limit;
}
