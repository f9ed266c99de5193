import { checks as all } from './checks/index.js';
import type { CheckEnd, Reporter, RunEnd } from './harness/events.js';
import { requirement } from './harness/requirements.js';
import { type RunOptions, runConformance } from './harness/run.js';
import type { Target } from './harness/target.js';

/** One check as a test of a test framework. */
export interface ConformanceTest {
  /** The check's id. */
  name: string;
  /** The chapter of the rule, to group by. */
  chapter: string;
  /** The rule's sentence. */
  text: string;
  /**
   * Resolves when the check passed; rejects with what is wrong otherwise. A check that could not be run on this target
   * calls `skip` with the reason, where it is given, and resolves.
   */
  run(skip?: (reason: string) => void): Promise<void>;
}

/**
 * The checks as tests for vitest, jest or node:test to loop over. All of them are one run, which begins with the first
 * test that is run: checks overlap, however the framework orders its tests.
 */
export function conformanceTests(
  target: Target,
  options: Partial<RunOptions> = {},
): ConformanceTest[] {
  const checks = options.checks ?? all;
  const session = new Session(target, { ...options, checks });
  return checks.map(({ id, rule }) => {
    const { chapter, text } = requirement(rule);
    return { name: id, chapter, text, run: (skip) => session.outcome(id, skip) };
  });
}

/** One run, begun when it is first asked for. */
class Session {
  readonly #target: Target;
  readonly #options: RunOptions;
  readonly #ends = new Map<string, CheckEnd>();
  readonly #waiting = new Map<string, () => void>();
  #run: Promise<RunEnd> | undefined;

  constructor(target: Target, options: RunOptions) {
    this.#target = target;
    this.#options = options;
  }

  async outcome(id: string, skip: (reason: string) => void = () => {}): Promise<void> {
    this.#run ??= runConformance(this.#target, { ...this.#options, report: this.#report });
    const ended = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    if (!this.#ends.has(id)) await Promise.race([ended, this.#run]);
    const end = this.#ends.get(id);
    if (!end) throw new Error((await this.#run).summary);
    if (end.verdict === 'not_exercised' || end.verdict === 'excluded') skip(end.reason ?? '');
    else if (end.verdict !== 'pass' && end.verdict !== 'warning' && !end.known)
      throw new Error(explain(end));
  }

  readonly #report: Reporter = (event) => {
    if (event.event === 'check_end') {
      this.#ends.set(event.check, event);
      this.#waiting.get(event.check)?.();
    }
    return this.#options.report?.(event);
  };
}

function explain({ text, reason, failure, verdict }: CheckEnd): string {
  if (!failure) return `${verdict}: ${reason}`;
  const { expected, actual, hint, timeline, caused_by } = failure;
  return [
    text,
    ...expected.map((each) => `expected: ${each}`),
    `actual:   ${actual}`,
    ...(hint === undefined ? [] : [`hint:     ${hint}`]),
    ...(caused_by === undefined ? [] : [`follows from: ${caused_by}`]),
    ...timeline
      .slice(-20)
      .map(
        ({ at_ms, peer, direction, kind, text: line }) =>
          `${at_ms.toFixed(1).padStart(9)} ms  ${peer.padEnd(8)} ${direction} ${kind} ${line.slice(0, 200)}`,
      ),
  ].join('\n');
}
