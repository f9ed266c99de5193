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

// Longer than the reference server waits for those who do not close; nothing here is far away.
const PATIENCE_MS = 3_000;

/**
 * Runs checks against a mutant: those of the rule that it breaks are expected to fail. With `bail` the first that does
 * ends the run.
 */
export async function judge(
  mutant: Mutant,
  checks: readonly Check[],
  { bail = false } = {},
): Promise<Outcome> {
  const events: RunEvent[] = [];
  const killed = new AbortController();
  const kills = (event: RunEvent) =>
    event.event === 'check_end' &&
    event.rule === mutant.rule &&
    (event.verdict === 'fail' || event.verdict === 'warning');
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
    patienceMs: PATIENCE_MS,
    signal: killed.signal,
    report: (event) => {
      events.push(event);
      if (bail && kills(event)) killed.abort();
    },
  });
  const ends = events.flatMap((event) => (event.event === 'check_end' ? [event] : []));
  const own = ends.filter(({ rule }) => rule === mutant.rule);
  const kill = own.find(kills);
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
  const own = ({ rule }: Mutant) => checks.filter((check) => check.rule === rule);
  // What takes long begins first, so that nothing is waited for alone in the end.
  const weight = (mutant: Mutant) =>
    (mutant.cluster ? 4 : 0) +
    (own(mutant).some(({ options }) => options.instance) ? 2 : 0) +
    (own(mutant).some(({ options }) => options.timers || options.takes) ? 1 : 0);
  const ordered = [...mutants].sort((a, b) => weight(b) - weight(a));
  return parallel(jobs, ordered, async (mutant) => {
    const outcome = await judge(mutant, own(mutant), { bail: true });
    tell(outcome);
    return outcome;
  });
}
