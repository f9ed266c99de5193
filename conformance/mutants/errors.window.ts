import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** Faults in how the window of the budget is counted. */
export const window: Mutant[] = [
  mutant(
    'errors-budget-spent',
    'budget of a tumbling window',
    'The count of protocol errors begins anew when a window since its first has passed.',
    ({ errors }) => {
      const counts = new WeakMap<Connection, { since: number; count: number }>();
      return {
        errors: {
          ...errors,
          spend(connection, { protocol_error_window_ms, max_protocol_errors }, { steady }) {
            const known = counts.get(connection);
            const kept = known && steady - known.since < protocol_error_window_ms;
            const now = kept ? known : { since: steady, count: 0 };
            now.count += 1;
            counts.set(connection, now);
            return now.count >= max_protocol_errors;
          },
        },
      };
    },
  ),
];
