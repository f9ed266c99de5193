import { type Frame, payloadOf } from '#server/frames.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const FULL_BYTES = 65_536;

const isChat = (frame: Frame) => payloadOf(frame).subarray(0, 40).includes('"type":"chat"');

// Knows which connections have something waiting that their peers do not read.
class Stalled {
  readonly #full = new Set<Connection>();

  // Whether somebody else than this one does not read.
  besides(connection: Connection): boolean {
    if (connection.link.queued() > FULL_BYTES) this.#full.add(connection);
    else this.#full.delete(connection);
    for (const each of this.#full) if (each.phase === 'ended') this.#full.delete(each);
    return this.#full.size > 0 && !this.#full.has(connection);
  }
}

/** Faults of the chapter `backpressure`. */
export const backpressure: readonly Mutant[] = [
  mutant(
    'backpressure-slow-consumer-closed',
    'queue-unbounded',
    'Whatever a client does not read is kept for it.',
    () => ({ backpressure: { tooSlow: () => false } }),
  ),
  mutant(
    'backpressure-others-unharmed',
    'broadcast-breaks-off',
    'The loop over the members ends at the first that does not read.',
    () => {
      const stalled = new Stalled();
      return {
        transport: {
          outbound: (frame, connection) =>
            stalled.besides(connection) && isChat(frame) ? [] : [frame],
        },
      };
    },
  ),
  mutant(
    'backpressure-others-unharmed',
    'broadcast-waits',
    'The loop over the members waits for the one that does not read.',
    () => {
      const stalled = new Stalled();
      const held = new Map<Connection, Frame[]>();
      return {
        transport: {
          outbound(frame, connection) {
            const frames = [...(held.get(connection) ?? []), frame];
            if (stalled.besides(connection) && isChat(frame)) {
              held.set(connection, frames);
              return [];
            }
            held.delete(connection);
            return frames;
          },
        },
      };
    },
  ),
  mutant(
    'backpressure-no-silent-loss',
    'newest-dropped',
    'What does not fit into the queue is left out.',
    () => ({
      backpressure: { tooSlow: () => false },
      transport: {
        outbound: (frame, connection) => (connection.link.queued() > FULL_BYTES ? [] : [frame]),
      },
    }),
  ),
  mutant(
    'backpressure-no-silent-loss',
    'chats-thinned-out',
    'While a client is slow, it gets every second chat.',
    () => {
      let odd = false;
      return {
        backpressure: { tooSlow: () => false },
        transport: {
          outbound(frame, connection) {
            if (connection.link.queued() <= FULL_BYTES || !isChat(frame)) return [frame];
            odd = !odd;
            return odd ? [frame] : [];
          },
        },
      };
    },
  ),
  mutant(
    'backpressure-short-pause-tolerated',
    'queue-a-sixteenth',
    'A connection is let go at a sixteenth of the announced queue.',
    ({ backpressure }) => ({
      backpressure: { tooSlow: (queued, limit) => backpressure.tooSlow(queued * 16, limit) },
    }),
  ),
];
