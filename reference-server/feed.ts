import type { Frame } from './frames.js';
import { join } from './outbox.js';

/** Where a feed writes to. */
export interface Sink {
  /** Whether whole frames may be written as bytes. */
  readonly plain: boolean;
  readonly open: boolean;
  /** Bytes that wait to be read by the peer. */
  queued(): number;
  /** Writes a piece, and calls for more once it has left. */
  push(piece: Buffer | Frame): void;
}

// One write takes no more of a replay than this.
const PIECE_BYTES = 65_536;

/**
 * A replay may be longer than a queue may be. Its frames are made only when the queue has room for them, and
 * what is sent meanwhile waits behind them.
 */
export class Feed {
  readonly #most: number;
  readonly #sink: Sink;
  readonly #waiting: (Iterator<Frame> | Buffer | Frame)[] = [];
  /** Bytes of what waits behind the replay. */
  deferred = 0;

  /** `most`: bytes that the replay may let the queue grow to. */
  constructor(most: number, sink: Sink) {
    this.#most = most;
    this.#sink = sink;
  }

  /** Adds a replay. */
  add(frames: Iterable<Frame>): void {
    this.#waiting.push(frames[Symbol.iterator]());
  }

  /** Adds what comes after the replay. */
  defer(piece: Buffer | Frame): void {
    this.#waiting.push(piece);
    this.deferred += lengthOf(piece);
  }

  /** Writes as much as the queue takes; it is done once the queue is its usual self again. */
  pump(): 'done' | 'waiting' {
    while (this.#sink.open) {
      if (this.#sink.queued() >= this.#most) return 'waiting';
      if (this.#waiting.length === 0) break;
      const [next] = this.#waiting;
      if (next && 'next' in next) this.#replay(next);
      else {
        this.#waiting.shift();
        this.deferred -= lengthOf(next as Buffer | Frame);
        this.#sink.push(next as Buffer | Frame);
      }
    }
    return 'done';
  }

  #replay(frames: Iterator<Frame>): void {
    const taken: Frame[] = [];
    let bytes = 0;
    while (bytes < PIECE_BYTES) {
      const { done, value } = frames.next();
      if (done) {
        this.#waiting.shift();
        break;
      }
      taken.push(value);
      bytes += value.bytes.length;
    }
    if (!this.#sink.plain) for (const frame of taken) this.#sink.push(frame);
    else if (bytes > 0) this.#sink.push(join(taken, bytes));
  }
}

function lengthOf(piece: Buffer | Frame): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.bytes.length;
}
