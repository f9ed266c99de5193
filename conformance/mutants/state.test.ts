import { describe, expect, it } from 'vitest';
import { hunt } from './state.hunt.js';
import { state } from './state.js';

const SEED = 11;
const MOST_OPERATIONS = 8;

describe('faults of state and timing', () => {
  // A search lasts half a minute at most, then the failure is made small.
  it.each(state.map((each) => [each.name, each] as const))(
    '%s is found by conversations, and made small',
    async (_, mutant) => {
      const { found } = await hunt(mutant, SEED);
      expect(found, 'nothing was found').toBeDefined();
      expect(found?.operations).toBeLessThanOrEqual(MOST_OPERATIONS);
    },
    120_000,
  );
});
