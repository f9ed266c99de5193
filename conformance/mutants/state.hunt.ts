import { runConformance } from '#conformance/harness/run.js';
import { conversations, type Observation } from '#conformance/properties/index.js';
import { launcher } from './launcher.js';
import type { Mutant } from './mutant.js';

/** How long a fault is looked for, in milliseconds. */
const FIND_MS = 30_000;

/** What one search for a fault of state came to. */
export interface Hunt {
  /** Milliseconds until it was found, or given up. */
  heldMs: number;
  /** What was found, the smallest script of all; undefined when nothing was. */
  found:
    | {
        rule: string;
        /** Operations of the small script. */
        operations: number;
        /** Conversations and milliseconds that it took to make it small. */
        executions: number;
        searchMs: number;
      }
    | undefined;
}

/** Looks for a fault with generated conversations and nothing else. */
export async function hunt(mutant: Mutant, seed: number): Promise<Hunt> {
  const observed: Observation[] = [];
  const options = {
    timeMs: FIND_MS,
    bail: true,
    seed,
    observed: (each: Observation) => void observed.push(each),
  };
  await runConformance({ start: launcher(mutant) }, { checks: conversations(options) });
  const [observation] = observed;
  if (!observation) throw new Error(`no conversation was held with ${mutant.name}`);
  const [found] = [...observation.reduced]
    .map(([rule, { script, executions, searchMs }]) => ({
      rule,
      operations: script.ops.length,
      executions,
      searchMs,
    }))
    .toSorted((a, b) => a.operations - b.operations);
  return { heldMs: observation.heldMs, found };
}
