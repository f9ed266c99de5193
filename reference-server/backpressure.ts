import type { Closing } from './state.js';

/** The decisions of the chapter `backpressure`. */
export interface BackpressureParts {
  /** Whether a connection is let go with so many bytes waiting for its peer. */
  tooSlow(queued: number, limit: number): boolean;
  /** How a connection ends that reads too slowly. */
  readonly slow: Closing;
}

/** As the specification has it. */
export const backpressure: BackpressureParts = {
  tooSlow: (queued, limit) => queued > limit,
  slow: { code: 4102, reason: 'slow_consumer' },
};
