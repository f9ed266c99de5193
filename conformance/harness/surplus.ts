// What a connection may receive unasked, and for each byte and frame that its check has sent.
const FREE = { bytes: 4 * 1024 * 1024, frames: 8_000 };
const RETURN = 64;
// What all connections of a run may hold of it together. Beyond that, and once so many have been flooded, this share of
// it is too much for one.
const TOGETHER = 2;
const FLOODED = 3;
const SHARE = 1 / 50;

/** Bytes and frames. */
export interface Amount {
  bytes: number;
  frames: number;
}

/** What the connections of a run have received unasked and still hold: it bounds the runner's memory. */
export class Surplus {
  readonly #held = new Map<object, Amount>();
  readonly #total: Amount = { bytes: 0, frames: 0 };
  #floods = 0;

  /** Whether a connection has received too much, by what it received and what its check has sent so far. */
  isFlood(connection: object, received: Amount, sent: Amount): boolean {
    const unasked = {
      bytes: Math.max(0, received.bytes - RETURN * sent.bytes),
      frames: Math.max(0, received.frames - RETURN * sent.frames),
    };
    const held = this.#held.get(connection);
    if (unasked.bytes === 0 && unasked.frames === 0 && !held) return false;
    this.#add(held, -1);
    this.#add(unasked, 1);
    this.#held.set(connection, unasked);
    const scarce = this.#floods >= FLOODED || beyond(this.#total, TOGETHER);
    const flood = beyond(unasked, scarce ? SHARE : 1);
    if (flood) this.#floods += 1;
    return flood;
  }

  /** Forgets a connection whose frames are no longer held. */
  release(connection: object): void {
    this.#add(this.#held.get(connection), -1);
    this.#held.delete(connection);
  }

  #add(amount: Amount | undefined, sign: number): void {
    this.#total.bytes += sign * (amount?.bytes ?? 0);
    this.#total.frames += sign * (amount?.frames ?? 0);
  }
}

const beyond = ({ bytes, frames }: Amount, times: number) =>
  bytes > times * FREE.bytes || frames > times * FREE.frames;
