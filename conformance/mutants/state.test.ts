import { describe, expect, it } from 'vitest';
import type { RunEvent } from '#conformance/harness/events.js';
import { runConformance } from '#conformance/harness/run.js';
import { conversations } from '#conformance/properties/checks.js';
import type { Script } from '#conformance/properties/script.js';
import { launcher } from './launcher.js';
import { state } from './state.js';

const FIND_MS = 30_000;
const MOST_OPERATIONS = 8;

describe('faults of state and timing', () => {
  it.each(state.map((each) => [each.name, each] as const))(
    '%s is found by conversations',
    async (_, mutant) => {
      const failures: (RunEvent & { event: 'check_end' })[] = [];
      await runConformance(
        { start: launcher(mutant) },
        {
          checks: conversations({ timeMs: FIND_MS, bail: true, seed: 11 }),
          patienceMs: 1_000,
          report: (event) => {
            if (event.event === 'check_end' && event.verdict === 'fail') failures.push(event);
          },
        },
      );
      const roots = failures.filter(({ failure }) => failure?.caused_by === undefined);
      expect(roots.length, 'nothing was found').toBeGreaterThan(0);
      const scripts = roots.flatMap(({ failure }) =>
        failure?.script ? [failure.script as Script] : [],
      );
      const smallest = Math.min(...scripts.map(({ ops }) => ops.length));
      expect(smallest, JSON.stringify(scripts)).toBeLessThanOrEqual(MOST_OPERATIONS);
    },
    120_000,
  );
});
