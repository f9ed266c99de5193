import { describe, expect, it } from 'vitest';
import { runConformance } from '#conformance/harness/run.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { operations } from './operations.js';

const numbers = operations.filter(({ rule }) =>
  ['operations-uptime-measured', 'operations-rate-consistent'].includes(rule),
);

// The reference server, with `said` instead of its exact uptime, and its rate over what `divided` makes of both.
async function judged(
  said: (exact: number) => number,
  divided: (exact: number, said: number) => number,
): Promise<unknown[]> {
  const start = launcher({
    parts: ({ operations: right }) => ({
      operations: {
        stats(core, tally, at) {
          const stats = right.stats(core, tally, at);
          const uptime_seconds = said(stats.uptime_seconds);
          const span = Math.min(60, divided(stats.uptime_seconds, uptime_seconds));
          const messages_per_second = span === 0 ? 0 : tally.recent(at) / span;
          return { ...stats, uptime_seconds, messages_per_second };
        },
      },
    }),
  });
  const faults: unknown[] = [];
  await runConformance(
    { start },
    {
      checks: numbers,
      report: (event) => {
        if (event.event === 'check_end' && event.verdict !== 'pass')
          faults.push([event.rule, event.verdict, event.failure?.actual]);
      },
    },
  );
  return faults;
}

const exact = (uptime: number) => uptime;

describe.concurrent('a server that rounds its uptime', () => {
  it.each<[string, (exact: number) => number]>([
    ['down to whole seconds', Math.floor],
    ['to the nearest whole second', Math.round],
    ['up to whole seconds', Math.ceil],
    ['to tenths', (uptime) => Math.round(uptime * 10) / 10],
  ])('%s is right, whichever it divides by', async (_, rounded) => {
    expect(await judged(rounded, exact)).toEqual([]);
    expect(await judged(rounded, (_, said) => said)).toEqual([]);
  });

  it('is wrong where it divides by something else', async () => {
    const faults = await judged(Math.ceil, () => 60);
    expect(faults).toEqual([['operations-rate-consistent', 'fail', expect.any(String)]]);
  });
});
