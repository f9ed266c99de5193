import type { Check } from './check.js';
import { Conductor } from './conductor.js';
import type { ExitCode, Reporter, RunEnd, RunEvent } from './events.js';
import { warmUp } from './faults.js';
import { Interrupted, Interruption } from './interruption.js';
import { type KnownFailure, noTotals } from './outcome.js';
import { preflight } from './preflight.js';
import { tolerateStray } from './stray.js';
import { prepare, type RunningTarget, type Target } from './target.js';
import { messageOf, TargetError, UsageError } from './verdict.js';
import { Watchdog } from './watchdog.js';

/** How a run goes. */
export interface RunOptions {
  /** The checks to run. */
  checks: readonly Check[];
  /** Receives every event, in order, one at a time. */
  report?: Reporter;
  /** Checks that may be busy at once; default 24. Checks that only wait are not counted. */
  jobs?: number;
  /** Profiles that the target has to announce. */
  require?: readonly string[];
  knownFailures?: readonly KnownFailure[];
  /** Whether a broken SHOULD is a failure, or the profiles where it is; default false. */
  failOnShould?: boolean | readonly string[];
  /** Fewer decided checks than this are inconclusive; default 1. */
  minChecks?: number;
  /** Stop at the first failure. */
  bail?: boolean;
  /** Seed of whatever is drawn at random; default drawn. */
  seed?: number;
  /**
   * Whether a violation seen while the machine was held up is doubted: tried again, and inconclusive when the machine
   * does not calm down. Default true; false where a false alarm costs nothing.
   */
  doubts?: boolean;
  /** How long a wait lasts on a quiet machine, in milliseconds; default 5,000. */
  patienceMs?: number;
  /** Ends the run early, with what was decided by then. */
  signal?: AbortSignal;
}

/**
 * Tests a target. Never throws because of what a target does, and never hangs: what the target is or does ends in the
 * returned event's exit code and summary.
 */
export async function runConformance(target: Target, options: RunOptions): Promise<RunEnd> {
  const start = performance.now();
  const report = inOrder(options.report ?? (() => {}));
  const watchdog = new Watchdog(options.patienceMs);
  const strict = tolerateStray();
  const interruption = new Interruption(options.signal);
  let running: RunningTarget | undefined;
  try {
    const prepared = prepare(target, interruption).then((it) => {
      running = it;
      return it;
    });
    const [ready] = await Promise.all([prepared, warmUp()]);
    watchdog.start();
    const first = await interruption.race(preflight(ready, watchdog));
    const conductor = new Conductor(
      ready,
      watchdog,
      first,
      { ...options, report },
      start,
      interruption,
    );
    return await conductor.conduct();
  } catch (error) {
    return await brokenOff(error, report, start);
  } finally {
    watchdog.stop();
    strict();
    interruption.forget();
    await running?.stop();
  }
}

async function brokenOff(error: unknown, report: Reporter, start: number): Promise<RunEnd> {
  const exit_code: ExitCode =
    error instanceof TargetError
      ? 4
      : error instanceof UsageError
        ? 64
        : error instanceof Interrupted
          ? 3
          : 5;
  const bug = exit_code === 5;
  if (bug) await report({ event: 'note', level: 'error', text: stackOf(error) });
  const end: RunEnd = {
    event: 'run_end',
    totals: noTotals(),
    duration_ms: Math.round(performance.now() - start),
    exit_code,
    summary: bug
      ? `The runner met a bug of its own: ${messageOf(error)}`
      : (error as Error).message,
  };
  await report(end);
  return end;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// Checks end side by side; a report takes one event after the other, and none after the last.
function inOrder(report: Reporter): Reporter {
  let last: Promise<void> = Promise.resolve();
  let over = false;
  return (event: RunEvent) => {
    if (over) return last;
    over = event.event === 'run_end';
    const next = last.then(() => report(event));
    last = next.catch(() => {});
    return next;
  };
}
