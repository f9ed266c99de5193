import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { type Attempt, attempt } from './attempt.js';
import { Canary } from './canary.js';
import type { Check } from './check.js';
import type { ExitCode, Reporter, RunEnd, TargetInfo } from './events.js';
import { Ledger } from './ledger.js';
import { type KnownFailure, noTotals } from './outcome.js';
import { type Plan, plan } from './plan.js';
import { type Preflight, preflight } from './preflight.js';
import { lastOutput, listens } from './process.js';
import { Schedule } from './schedule.js';
import { ROOT_DIED, ROOT_NO_WELCOME, type Stage, type StageRun } from './stage.js';
import { prepare, type RunningTarget, type Target } from './target.js';
import { messageOf, TargetError, UsageError, Violation } from './verdict.js';
import { Watchdog } from './watchdog.js';

/** How a run goes. */
export interface RunOptions {
  /** The checks to run. */
  checks: readonly Check[];
  /** Receives every event, in order. */
  report?: Reporter;
  /** Checks that may be busy at once; default 24. Checks that only wait are not counted. */
  jobs?: number;
  /** Profiles that the target has to announce. */
  require?: readonly string[];
  knownFailures?: readonly KnownFailure[];
  /** Whether a broken SHOULD fails the run; default false. */
  failOnShould?: boolean;
  /** Fewer decided checks than this are inconclusive; default 1. */
  minChecks?: number;
  /** Stop at the first failure. */
  bail?: boolean;
  /** Seed of whatever is drawn at random; default drawn. */
  seed?: number;
}

const parlorVersion: string = createRequire(import.meta.url)('#package.json').version;
const DEFAULT_JOBS = 24;

/**
 * Tests a target. Never throws because of what a target does, and never hangs; what the target is or does ends in the
 * returned event's exit code and summary.
 */
export async function runConformance(target: Target, options: RunOptions): Promise<RunEnd> {
  const start = performance.now();
  const report: Reporter = options.report ?? (() => {});
  const watchdog = new Watchdog();
  let running: RunningTarget | undefined;
  try {
    running = await prepare(target);
    watchdog.start();
    const first = await preflight(running, watchdog);
    return await new Run(running, watchdog, first, options, report, start).execute();
  } catch (error) {
    return await brokenOff(error, report, start);
  } finally {
    watchdog.stop();
    await running?.stop();
  }
}

async function brokenOff(error: unknown, report: Reporter, start: number): Promise<RunEnd> {
  const exit_code: ExitCode =
    error instanceof TargetError ? 4 : error instanceof UsageError ? 64 : 5;
  if (exit_code === 5)
    await report({
      event: 'note',
      level: 'error',
      text: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  const end: RunEnd = {
    event: 'run_end',
    totals: noTotals(),
    duration_ms: Math.round(performance.now() - start),
    exit_code,
    summary:
      exit_code === 5
        ? `The runner met a bug of its own: ${messageOf(error)}`
        : (error as Error).message,
  };
  await report(end);
  return end;
}

/** One run over a target that can be tested. */
class Run implements StageRun {
  readonly target: RunningTarget;
  readonly watchdog: Watchdog;
  readonly welcome: Preflight['welcome'];
  hopeless: Violation | undefined;
  readonly #options: RunOptions;
  readonly #report: Reporter;
  readonly #start: number;
  readonly #ledger: Ledger;
  readonly #nonce = randomBytes(2).toString('hex');
  readonly #again: Check[] = [];
  #restarts = 0;
  #everWelcomed: boolean;
  #unwelcomed = 0;

  constructor(
    target: RunningTarget,
    watchdog: Watchdog,
    { welcome, hopeless }: Preflight,
    options: RunOptions,
    report: Reporter,
    start: number,
  ) {
    this.target = target;
    this.watchdog = watchdog;
    this.welcome = welcome;
    this.hopeless = hopeless;
    this.#options = options;
    this.#report = report;
    this.#start = start;
    this.#everWelcomed = welcome !== undefined;
    this.#ledger = new Ledger(report, options);
  }

  welcomed(yes: boolean): void {
    if (yes) this.#everWelcomed = true;
    else this.#unwelcomed += 1;
  }

  async execute(): Promise<RunEnd> {
    const { checks, require: required = [] } = this.#options;
    const rules = new Set<string>(checks.map(({ rule }) => rule));
    const chapters = new Set(checks.map(({ rule }) => rule.split('-')[0]));
    const todo = plan(
      checks,
      this.target,
      this.welcome,
      (rule) => rules.has(rule) || chapters.has(rule.split('-')[0]),
    );
    await this.#opening(todo);
    for (const { check, reason } of todo.notExercised) await this.#ledger.skip(check, reason);
    for (const { rule, reason } of todo.excluded) await this.#ledger.exclude(rule, reason);
    if (this.hopeless)
      this.#ledger.expectRoot(
        ROOT_NO_WELCOME,
        ['handshake-welcome-prompt', 'handshake-welcome-first'],
        checks,
      );
    const canary = await this.#canary();
    try {
      await this.#together(todo.together);
      await this.#oneByOne(this.#again.splice(0), true);
      await this.#oneByOne(todo.alone, false);
      await this.#oneByOne(this.#again.splice(0), true);
    } finally {
      canary.stop();
    }
    const announced = this.welcome?.features ?? [];
    const lacking = required.filter((each) => each !== 'core' && !announced.includes(each));
    return this.#ledger.close(lacking, performance.now() - this.#start);
  }

  async #opening(todo: Plan): Promise<void> {
    const { seed } = this.#options;
    await this.#report({
      event: 'run_start',
      schema: 1,
      started_at: new Date().toISOString(),
      parlor_version: parlorVersion,
      node_version: process.version,
      seed: seed ?? randomBytes(4).readUInt32BE() >>> 1,
      target: this.#info(),
      checks: [...todo.together, ...todo.alone].map(({ id }) => id),
      expected_ms: todo.expectedMs,
      not_exercised: todo.notExercised.map(({ check, reason }) => ({ rule: check.rule, reason })),
    });
    if (this.hopeless)
      await this.#report({
        event: 'note',
        level: 'warning',
        text: `No connection is welcomed (${this.hopeless.actual}): what needs a welcome follows from that.`,
      });
  }

  #info(): TargetInfo {
    const { urls, command } = this.target;
    const { user: _, ...welcome } = { user: '', ...this.welcome };
    return {
      urls: [...urls],
      ...(command !== undefined && { command }),
      ...(this.welcome && { server: this.welcome.server, welcome }),
      features: this.welcome?.features ?? [],
    };
  }

  // The canary is a user of its own; where nothing answers Pings, only our own clock is left.
  async #canary(): Promise<Canary> {
    const { minter, plain, urls } = this.target;
    const canary = new Canary(new URL(urls[0] ?? ''), () =>
      plain || !minter ? {} : { query: [['token', minter.mint(`canary-${this.#nonce}`)]] },
    );
    const works = await canary.start();
    this.watchdog.start(works ? canary : undefined);
    return canary;
  }

  async #together(checks: readonly Check[]): Promise<void> {
    const inProcess = this.target.command === undefined;
    const starts = { limit: inProcess ? 8 : 3, running: 0 };
    const jobs = checks.map((check) => {
      let stage: Stage | undefined;
      return {
        run: () =>
          this.#decide(check, {
            final: false,
            begun: (it) => {
              stage = it;
            },
          }),
        get stalled() {
          return stage?.stalled ?? false;
        },
        ...(check.options.instance && { group: starts }),
      };
    });
    const schedule = new Schedule(jobs, this.#options.jobs ?? DEFAULT_JOBS);
    this.watchdog.onTick = () => schedule.pump();
    this.#ledger.onFailure = () => this.#options.bail && schedule.cancel();
    schedule.pump();
    await schedule.finished;
    this.watchdog.onTick = () => {};
  }

  async #oneByOne(checks: readonly Check[], final: boolean): Promise<void> {
    for (const check of checks) {
      if (this.#options.bail && this.#ledger.failed) return;
      await this.#decide(check, { final, begun: () => {} });
    }
  }

  async #decide(
    check: Check,
    { final, begun }: { final: boolean; begun: (stage: Stage) => void },
  ): Promise<void> {
    const lasts = this.welcome && check.options.takes ? check.options.takes(this.welcome) : 0;
    await this.#ledger.begin(check, final);
    const outcome = await attempt(check, this, { nonce: this.#nonce, final, lasts, begun });
    await this.#ledger.findings(check, outcome.stage);
    if (outcome.result === 'violation' && !check.options.instance) {
      const death = await this.#death();
      if (death && !final && this.target.restart) {
        await this.#revive(death);
        this.#again.push(check);
        return;
      }
      if (death) {
        await this.#ledger.end(check, died(outcome, death));
        await this.#revive(death);
        return;
      }
    }
    if (outcome.result === 'inconclusive' && !final) {
      this.#again.push(check);
      return;
    }
    this.#giveUpConnecting(outcome);
    await this.#ledger.end(check, outcome);
  }

  // Three connections without a welcome and never one with: the others need not wait for theirs.
  #giveUpConnecting(outcome: Attempt): void {
    if (outcome.result !== 'violation' || outcome.violation.root !== ROOT_NO_WELCOME) return;
    if (!this.#everWelcomed && this.#unwelcomed >= 3) this.hopeless ??= outcome.violation;
  }

  /** How the target ended, when it has. */
  async #death(): Promise<string | undefined> {
    for (const instance of this.target.instances) {
      if (instance.running) continue;
      const { status, signal } = await instance.exited;
      return `the server ended ${signal ? `by ${signal}` : `with status ${status}`}${lastOutput(instance)}`;
    }
    for (const url of this.target.urls)
      if (!(await listens(url))) return `the server no longer accepts connections at ${url}`;
    return undefined;
  }

  async #revive(death: string): Promise<void> {
    if (!this.target.restart || this.#restarts >= 5) return;
    const dead = this.target.instances.some(({ running }) => !running);
    if (!dead) return;
    this.#restarts += 1;
    await this.#report({
      event: 'note',
      level: 'warning',
      text: `${death}\nThe runner starts it again.`,
    });
    await this.target.restart();
  }
}

function died(outcome: Attempt & { result: 'violation' }, death: string): Attempt {
  const { expected, actual, hint } = outcome.violation;
  return {
    ...outcome,
    violation: new Violation(
      {
        expected: ['the server survives whatever a client sends', ...expected],
        actual: `${death}\nbefore that: ${actual}`,
        hint:
          hint ??
          'Something that this check sends ends the server: its last output should name the place.',
      },
      ROOT_DIED,
    ),
  };
}
