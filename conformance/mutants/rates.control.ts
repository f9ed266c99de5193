import type { Parts } from '#server/parts.js';
import { type Mutant, mutant } from './mutant.js';

type Rates = Parts['rates'];

const wrong =
  (change: (right: Rates) => Partial<Rates>): Mutant['parts'] =>
  ({ rates }) => ({ rates: change(rates) });

const uncounted = (free: string) =>
  wrong((right) => ({
    bucket: (type, rates) => (type === free ? undefined : right.bucket(type, rates)),
  }));

/** Faults that only other buckets and types than those of chats show. */
export const control: Mutant[] = [
  ...['leave', 'typing', 'auth', 'direct'].map((type) =>
    mutant(
      'rates-over-refused',
      `${type} is free`,
      `\`${type}\` is not counted, although a bucket lists it.`,
      uncounted(type),
    ),
  ),

  mutant(
    'rates-retry-after-tight',
    'wait of the newest, for control',
    'The wait of the bucket `control` is that of its newest entry: a whole window.',
    wrong(({ limiter: right }) => ({
      limiter(window) {
        const log = right(window);
        return {
          idle: (now) => log.idle(now),
          admit(now) {
            const { admitted, retryAfterMs } = log.admit(now);
            return { admitted, retryAfterMs: window.limit > 15 ? window.window_ms : retryAfterMs };
          },
        };
      },
    })),
  ),

  mutant(
    'rates-close-after-not-before',
    'refusals of all buckets',
    'The refusals of all buckets count together, in whichever of them the last is.',
    wrong(({ closes: right }) => ({
      closes: (connection, rate, now) =>
        right(
          connection,
          { ...rate, bucket: 'all', close_after: rate.close_after || Number.POSITIVE_INFINITY },
          now,
        ),
    })),
  ),
];
