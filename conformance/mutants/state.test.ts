import { afterAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '#conformance/harness/events.js';
import { runConformance } from '#conformance/harness/run.js';
import { conversations, type Observation } from '#conformance/properties/index.js';
import type { Script } from '#conformance/properties/script.js';
import { launcher } from './launcher.js';
import { state } from './state.js';

const FIND_MS = 30_000;
const MOST_OPERATIONS = 8;
/** How often each fault is looked for; one run in ten may miss it. */
const RUNS = Number(process.env['PARLOR_TEST_STATE_RUNS'] ?? 1);

interface Run {
  /** Milliseconds until nothing more had to be looked for. */
  heldMs: number;
  /** Operations of the smallest script; undefined when nothing was found. */
  operations: number | undefined;
  rule: string | undefined;
}

async function find(mutant: (typeof state)[number], seed: number): Promise<Run> {
  const failures: (RunEvent & { event: 'check_end' })[] = [];
  const observed: Observation[] = [];
  const options = { timeMs: FIND_MS, bail: true, seed };
  await runConformance(
    { start: launcher(mutant) },
    {
      checks: conversations({ ...options, observed: (each) => void observed.push(each) }),
      report: (event) => {
        if (event.event === 'check_end' && event.verdict === 'fail') failures.push(event);
      },
    },
  );
  const roots = failures.flatMap(({ rule, failure }) =>
    failure?.script && failure.caused_by === undefined
      ? [{ rule, operations: (failure.script as Script).ops.length }]
      : [],
  );
  const [smallest] = roots.toSorted((a, b) => a.operations - b.operations);
  const { rule, operations } = smallest ?? { rule: undefined, operations: undefined };
  return { heldMs: observed[0]?.heldMs ?? FIND_MS, operations, rule };
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

describe('faults of state and timing', () => {
  const rows: string[] = [];
  afterAll(() => {
    const head = [
      '| fault | found | median seconds | median operations | rules |',
      '|---|--:|--:|--:|---|',
    ];
    process.stdout.write(`${[...head, ...rows].join('\n')}\n`);
  });

  it.each(state.map((each) => [each.name, each] as const))(
    '%s is found by conversations, and made small',
    async (name, mutant) => {
      const runs: Run[] = [];
      for (let run = 0; run < RUNS; run += 1) runs.push(await find(mutant, 11 + run));
      const found = runs.flatMap((run) =>
        run.operations === undefined ? [] : [{ ...run, operations: run.operations }],
      );
      const seconds = median(found.map(({ heldMs }) => heldMs)) / 1_000;
      const operations = median(found.map((each) => each.operations));
      const rules = [...new Set(found.map(({ rule }) => rule))].join(', ');
      rows.push(
        `| ${name} | ${found.length}/${RUNS} | ${seconds.toFixed(1)} | ${operations} | ${rules} |`,
      );
      expect(found.length, 'too often nothing was found').toBeGreaterThanOrEqual(
        RUNS - Math.floor(RUNS / 10),
      );
      expect(operations).toBeLessThanOrEqual(MOST_OPERATIONS);
    },
    RUNS * 120_000,
  );
});
