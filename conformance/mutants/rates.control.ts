import { type Mutant, mutant } from './mutant.js';
import { wait } from './rates.js';
import { inRates } from './tampering.js';

const uncounted = (free: string) =>
  inRates((right) => ({
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
    wait((ms, { limit, window_ms }) => (limit > 15 ? window_ms : ms)),
  ),

  mutant(
    'rates-close-after-not-before',
    'refusals of all buckets',
    'The refusals of all buckets count together, in whichever of them the last is.',
    inRates(({ closes: right }) => ({
      closes: (connection, rate, now) =>
        right(
          connection,
          { ...rate, bucket: 'all', close_after: rate.close_after || Number.POSITIVE_INFINITY },
          now,
        ),
    })),
  ),
];
