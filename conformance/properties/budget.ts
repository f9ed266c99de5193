import { bucketOf } from '#conformance/harness/welcome.js';
import type { Rate } from '#schemas/types.js';
import type { Live } from './participant.js';
import type { Announced } from './trace.js';

/** Keeps a conversation within the announced rates and limits, so that no refusal is provoked by accident. */
export class Budget {
  readonly #announced: Announced;
  /** Messages sent, by bucket and user, in this conversation: nothing is assumed to leave a window in time. */
  readonly #users = new Map<string, number>();

  constructor(announced: Announced) {
    this.#announced = announced;
  }

  /** The bucket that counts a type. */
  bucket(type: string): Rate | undefined {
    return bucketOf(this.#announced, type);
  }

  /** How many messages of a type this connection may still send. */
  left(live: Live, type: string): number {
    const rate = this.bucket(type);
    if (!rate) return Number.POSITIVE_INFINITY;
    const spent =
      rate.scope === 'user'
        ? this.#users.get(`${rate.bucket} ${live.user}`)
        : live.spent.get(rate.bucket);
    return rate.limit - (spent ?? 0);
  }

  /** Counts a message that is sent. */
  spend(live: Live, type: string): void {
    const rate = this.bucket(type);
    if (!rate) return;
    const key = `${rate.bucket} ${live.user}`;
    if (rate.scope === 'user') this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
    else live.spent.set(rate.bucket, (live.spent.get(rate.bucket) ?? 0) + 1);
  }

  /** Whether one more protocol error leaves the connection open. */
  mayErr(live: Live): boolean {
    return live.faults < this.#announced.limits.max_protocol_errors - 2;
  }
}
