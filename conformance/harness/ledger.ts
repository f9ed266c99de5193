import type { Attempt } from './attempt.js';
import { causesOf, type Failed } from './causes.js';
import type { Check } from './check.js';
import type { CheckEnd, Failure, Reporter, RunEnd, Verdict } from './events.js';
import { ambient, type FrameFault } from './faults.js';
import type { Journal } from './journal.js';
import { conclude, countVerdict, type KnownFailure, noTotals } from './outcome.js';
import { type RuleId, requirement } from './requirements.js';
import type { Sign } from './signs.js';
import { stepSigns } from './signs.steps.js';
import type { Stage } from './stage.js';
import type { Violation } from './verdict.js';

/** What the ledger takes of the run's options. */
interface LedgerOptions {
  checks: readonly Check[];
  knownFailures?: readonly KnownFailure[];
  failOnShould?: boolean | readonly string[];
  minChecks?: number;
}

type Graded = Pick<CheckEnd, 'level' | 'profile'>;

/** Turns attempts into events, totals and an exit code: the one place where verdicts are made. */
export class Ledger {
  readonly #report: Reporter;
  readonly #options: LedgerOptions;
  readonly #totals = noTotals();
  readonly #roots = new Map<string, string>();
  readonly #findings = new Map<RuleId, Failure & { check: string; signs: readonly Sign[] }>();
  readonly #signs = new Map<string, readonly Sign[]>();
  readonly #failed: Failed[] = [];
  readonly #held: CheckEnd[] = [];
  readonly #attempts = new Map<string, number>();
  readonly #covered = new Map<KnownFailure, { failed: number; ran: number }>();
  #bugs = 0;
  /** Whether anything has failed that is not known to. */
  failed = false;
  onFailure: () => void = () => {};

  constructor(report: Reporter, options: LedgerOptions) {
    this.#report = report;
    this.#options = options;
    for (const entry of options.knownFailures ?? [])
      this.#covered.set(entry, { failed: 0, ran: 0 });
  }

  /** Names the check that stands for a root before it has run: the first of these rules that is to run. */
  expectRoot(root: string, rules: readonly string[], checks: readonly Check[]): void {
    const found = rules.flatMap((rule) => checks.filter((check) => check.rule === rule))[0];
    if (found) this.#roots.set(root, found.id);
  }

  /** An attempt at a check begins. */
  async begin(check: Check): Promise<void> {
    const attempts = (this.#attempts.get(check.id) ?? 0) + 1;
    this.#attempts.set(check.id, attempts);
    if (attempts === 1)
      await this.#report({ event: 'check_start', check: check.id, rule: check.rule });
  }

  /** Reports what the frames of an attempt broke, once for each rule and run. */
  async findings(check: Check, stage: Stage): Promise<void> {
    for (const fault of stage.findings.values()) {
      if (this.#findings.has(fault.rule)) continue;
      const failure = failureOf(fault, stage.journal);
      this.#findings.set(fault.rule, {
        ...failure,
        check: check.id,
        signs: await this.#signsOf(check, stage),
      });
      await this.#report({ event: 'finding', rule: fault.rule, check: check.id, failure });
    }
  }

  /** A check that this target cannot be asked. */
  async skip(check: Check, reason: string): Promise<void> {
    await this.#emit({
      ...row(check.id, check.rule),
      verdict: 'not_exercised',
      duration_ms: 0,
      attempts: 0,
      reason,
    });
  }

  /** A rule that nobody can see from outside. */
  async exclude(rule: string, reason: string): Promise<void> {
    await this.#emit({
      ...row(rule, rule),
      verdict: 'excluded',
      duration_ms: 0,
      attempts: 0,
      reason,
    });
  }

  /** A check that is not attempted again. */
  async giveUp(check: Check, reason: string): Promise<void> {
    const attempts = this.#attempts.get(check.id) ?? 0;
    await this.#emit({
      ...row(check.id, check.rule),
      verdict: 'inconclusive',
      duration_ms: 0,
      attempts,
      reason,
    });
  }

  /** The final attempt at a check. */
  async end(check: Check, outcome: Attempt): Promise<void> {
    const base = {
      ...row(check.id, check.rule),
      duration_ms: Math.round(outcome.duration),
      attempts: this.#attempts.get(check.id) ?? 1,
    };
    const end = { ...base, ...(await this.#judge(check, outcome, base)) };
    // Rules that every frame may break are decided when every frame has been seen.
    if (ambient.has(check.rule)) this.#held.push(end);
    else await this.#emit(end);
  }

  /** Ends the run. */
  async close(lacking: readonly string[], durationMs: number): Promise<RunEnd> {
    await this.#releaseHeld();
    await this.#explain();
    const stale = this.#stale();
    const { exit_code, summary } = conclude(this.#totals, {
      bugs: this.#bugs,
      stale,
      lacking,
      minChecks: this.#options.minChecks ?? 1,
    });
    const end: RunEnd = {
      event: 'run_end',
      totals: this.#totals,
      duration_ms: Math.round(durationMs),
      exit_code,
      summary,
    };
    await this.#report(end);
    return end;
  }

  async #judge(
    check: Check,
    outcome: Attempt,
    rule: Graded,
  ): Promise<Pick<CheckEnd, 'verdict' | 'reason' | 'failure'>> {
    switch (outcome.result) {
      case 'pass':
        return { verdict: 'pass' };
      case 'violation':
        this.#signs.set(check.id, await this.#signsOf(check, outcome.stage, outcome.violation));
        return { verdict: this.#broken(rule), failure: this.#failure(check, outcome) };
      case 'bug':
        return { verdict: 'inconclusive', reason: await this.#confess(check.id, outcome.error) };
      default:
        return { verdict: outcome.result, reason: outcome.reason };
    }
  }

  // What else its clients saw may explain why a check failed; a mistake of ours in that takes nothing back.
  async #signsOf(check: Check, stage: Stage, violation?: Violation): Promise<readonly Sign[]> {
    try {
      return [...stage.signs(), ...(violation ? stepSigns(violation) : [])];
    } catch (error) {
      await this.#confess(check.id, error);
      return [];
    }
  }

  async #confess(where: string, error: unknown): Promise<string> {
    this.#bugs += 1;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    await this.#report({
      event: 'note',
      level: 'error',
      text: `${where}: a bug of the runner: ${text}`,
    });
    return `a bug of the runner: ${text.split('\n')[0]}`;
  }

  #failure(check: Check, { violation, stage }: Attempt & { result: 'violation' }): Failure {
    const { expected, actual, hint, root, detail } = violation;
    const redact = (text: string) => stage.journal.redact(text);
    const failure: Failure = {
      rule: check.rule,
      expected: expected.map(redact),
      actual: redact(actual),
      ...(hint !== undefined && { hint: redact(hint) }),
      timeline: stage.journal.entries(),
      ...detail,
    };
    if (root === undefined) return failure;
    const cause = this.#roots.get(root);
    if (cause === undefined) this.#roots.set(root, check.id);
    else if (cause !== check.id) failure.caused_by = cause;
    return failure;
  }

  #broken({ level, profile }: Graded): Verdict {
    const { failOnShould = false } = this.#options;
    const fails = typeof failOnShould === 'boolean' ? failOnShould : failOnShould.includes(profile);
    return level === 'must' || (level === 'should' && fails) ? 'fail' : 'warning';
  }

  async #releaseHeld(): Promise<void> {
    const decided = new Set<string>();
    for (const end of this.#held) {
      const found = this.#findings.get(end.rule as RuleId);
      const takes = found && !end.failure && !decided.has(end.rule);
      if (found) decided.add(end.rule);
      if (!takes) await this.#emit(end);
      else {
        const { check: _, signs, ...failure } = found;
        const { reason: __, ...rest } = end;
        this.#signs.set(end.check, signs);
        await this.#emit({ ...rest, verdict: this.#broken(end), failure });
      }
    }
    for (const [rule, { check, signs, ...failure }] of this.#findings) {
      if (decided.has(rule)) continue;
      const base = row(`${rule}/every-frame`, rule);
      this.#signs.set(base.check, signs);
      await this.#emit({
        ...base,
        verdict: this.#broken(base),
        duration_ms: 0,
        attempts: 1,
        failure,
      });
    }
  }

  // Only when all failures are known can one be put down to another.
  async #explain(): Promise<void> {
    for (const [check, { check: caused_by, because }] of await this.#causes())
      await this.#report({ event: 'cause', check, caused_by, because });
  }

  async #causes(): Promise<ReturnType<typeof causesOf>> {
    try {
      return causesOf(this.#failed);
    } catch (error) {
      await this.#confess('the causes', error);
      return new Map();
    }
  }

  async #emit(end: CheckEnd): Promise<void> {
    const entry = this.#known(end);
    const covers = entry !== undefined && (end.verdict === 'fail' || end.verdict === 'warning');
    this.#remember(end, covers);
    countVerdict(this.#totals, end.verdict, covers);
    if (end.verdict === 'fail' && !covers) {
      this.failed = true;
      this.onFailure();
    }
    if (!covers) return void (await this.#report(end));
    const { reason, expires } = entry;
    await this.#report({ ...end, known: { reason, ...(expires !== undefined && { expires }) } });
  }

  #remember({ check, rule, verdict, failure }: CheckEnd, known: boolean): void {
    if (!failure || failure.caused_by !== undefined) return;
    const said = [...failure.expected, failure.actual].join('\n');
    const grade = known ? 2 : verdict === 'fail' ? 0 : 1;
    this.#failed.push({ check, rule, said, grade, signs: this.#signs.get(check) ?? [] });
  }

  #known(end: CheckEnd): KnownFailure | undefined {
    for (const [entry, tally] of this.#covered) {
      if (entry.rule !== end.rule && entry.rule !== end.check) continue;
      if (end.verdict === 'not_exercised' || end.verdict === 'excluded') continue;
      tally.ran += 1;
      if (end.verdict !== 'pass') tally.failed += 1;
      if (!expired(entry)) return entry;
    }
    return undefined;
  }

  #stale(): string[] {
    const names = new Set(this.#options.checks.flatMap(({ id, rule }) => [id, rule as string]));
    const stale: string[] = [];
    for (const [entry, { ran, failed }] of this.#covered) {
      if (!names.has(entry.rule)) stale.push(`'${entry.rule}' names no rule of this run`);
      else if (expired(entry)) stale.push(`'${entry.rule}' expired on ${entry.expires}`);
      else if (ran > 0 && failed === 0) stale.push(`'${entry.rule}' passes`);
    }
    return stale;
  }
}

function row(
  check: string,
  rule: string,
): Pick<CheckEnd, 'event' | 'check' | 'rule' | 'chapter' | 'profile' | 'level' | 'text'> {
  const { chapter, profile, level, text } = requirement(rule);
  return { event: 'check_end', check, rule, chapter, profile, level, text };
}

function failureOf({ rule, expected, actual }: FrameFault, journal: Journal): Failure {
  return {
    rule,
    expected: [expected],
    actual: journal.redact(actual),
    timeline: journal.entries().slice(-40),
  };
}

function expired({ expires }: KnownFailure): boolean {
  return expires !== undefined && new Date().toISOString().slice(0, 10) >= expires;
}
