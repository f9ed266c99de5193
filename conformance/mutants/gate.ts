import type { Check } from '#conformance/harness/check.js';
import type { RunEvent, Verdict } from '#conformance/harness/events.js';
import { parallel } from '#conformance/harness/parallel.js';
import { runConformance } from '#conformance/harness/run.js';
import type { Target } from '#conformance/harness/target.js';
import { launcher } from './launcher.js';
import type { Mutant } from './mutant.js';

/** What became of one mutant. */
export interface Outcome {
  mutant: Mutant;
  /** Whether a check of the rule that it breaks failed. */
  killed: boolean;
  /** Verdicts of the checks that ran, by check. */
  verdicts: Record<string, Verdict>;
  /** What the killing check said, or why nothing killed it. */
  said: string;
  duration_ms: number;
}

/** Runs checks against a mutant: those of the rule that it breaks are expected to fail. */
export async function judge(mutant: Mutant, checks: readonly Check[]): Promise<Outcome> {
  const events: RunEvent[] = [];
  const started = performance.now();
  const target: Target = {
    start: launcher(mutant),
    logs: true,
    ...(mutant.env ? { env: mutant.env } : {}),
    ...(mutant.cluster ? { instances: 2 } : {}),
  };
  await runConformance(target, {
    checks,
    doubts: false,
    report: (event) => void events.push(event),
  });
  const ends = events.flatMap((event) => (event.event === 'check_end' ? [event] : []));
  const own = ends.filter(({ rule }) => rule === mutant.rule);
  const kill = own.find(({ verdict }) => verdict === 'fail' || verdict === 'warning');
  return {
    mutant,
    killed: kill !== undefined,
    verdicts: Object.fromEntries(ends.map(({ check, verdict }) => [check, verdict])),
    said:
      kill?.failure?.actual ??
      (own
        .map(({ check, verdict, reason }) => `${check}: ${verdict}${reason ? ` (${reason})` : ''}`)
        .join('; ') ||
        'no check of the rule ran'),
    duration_ms: Math.round(performance.now() - started),
  };
}

/** Judges mutants side by side, `jobs` at a time, and hands on each outcome as it comes. */
export function judgeAll(
  mutants: readonly Mutant[],
  checks: readonly Check[],
  jobs: number,
  tell: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  return parallel(jobs, mutants, async (mutant) => {
    const own = checks.filter(({ rule }) => rule === mutant.rule);
    const outcome = await judge(mutant, own);
    tell(outcome);
    return outcome;
  });
}
