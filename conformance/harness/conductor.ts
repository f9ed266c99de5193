import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { type Attempt, attempt } from './attempt.js';
import { Canary } from './canary.js';
import type { Check } from './check.js';
import type { Reporter, RunEnd, TargetInfo } from './events.js';
import { Instances } from './instances.js';
import type { Interruption } from './interruption.js';
import { Ledger } from './ledger.js';
import { Outages } from './outages.js';
import { isApart, type Plan, plan } from './plan.js';
import type { Preflight } from './preflight.js';
import { type Death, Pulse } from './pulse.js';
import type { RunOptions } from './run.js';
import { Schedule } from './schedule.js';
import { MOST_AT_DOOR, ROOT_DIED, ROOT_NO_WELCOME, type StageRun } from './shared.js';
import type { Stage } from './stage.js';
import { Stalls } from './stalls.js';
import { Surplus } from './surplus.js';
import type { RunningTarget } from './target.js';
import { Turns } from './turns.js';
import { Violation } from './verdict.js';
import type { Watchdog } from './watchdog.js';

const parlorVersion: string = createRequire(import.meta.url)('#package.json').version;
const DEFAULT_JOBS = 24;
const FEW = 4;
const INSTANCES = 12;
const NOISY = 0.2;
const REPEATS_MS = 60_000;
const WELCOME_RULES = ['handshake-welcome-prompt', 'handshake-welcome-first'];

/** Leads one run: which check when, once more or not, and what its outcome means for the others. */
export class Conductor implements StageRun {
  readonly target: RunningTarget;
  readonly watchdog: Watchdog;
  readonly welcome: Preflight['welcome'];
  readonly seed: number;
  readonly instances: Instances;
  readonly stalls = new Stalls();
  readonly outages: Outages;
  readonly interruption: Interruption;
  readonly doubts: boolean;
  readonly observed = new Map<string, { since: number; outcome: Promise<unknown> }>();
  readonly surplus = new Surplus();
  readonly door = new Turns(MOST_AT_DOOR);
  hopeless: Violation | undefined;
  readonly #options: RunOptions;
  readonly #report: Reporter;
  readonly #start: number;
  readonly #ledger: Ledger;
  readonly #pulse: Pulse;
  readonly #nonce = randomBytes(2).toString('hex');
  // What a busy machine left undecided, and what may have ended the server.
  readonly #busy: Check[] = [];
  readonly #suspects: Check[] = [];
  #everWelcomed: boolean;
  #unwelcomed = 0;
  #told: Death | undefined;

  constructor(
    target: RunningTarget,
    watchdog: Watchdog,
    { welcome, hopeless }: Preflight,
    options: RunOptions & { report: Reporter },
    start: number,
    interruption: Interruption,
  ) {
    this.interruption = interruption;
    this.target = target;
    this.outages = new Outages(target.urls.length);
    this.watchdog = watchdog;
    this.welcome = welcome;
    this.hopeless = hopeless;
    this.seed = options.seed ?? randomBytes(4).readUInt32BE() >>> 1;
    this.doubts = options.doubts ?? true;
    this.#options = options;
    this.#report = options.report;
    this.#start = start;
    this.#everWelcomed = welcome !== undefined;
    this.#ledger = new Ledger(options.report, options);
    this.instances = new Instances(target.launch);
    this.#pulse = new Pulse(this);
  }

  welcomed(yes: boolean): void {
    if (yes) this.#everWelcomed = true;
    else this.#unwelcomed += 1;
  }

  /** Runs everything and ends the run. */
  async conduct(): Promise<RunEnd> {
    const { checks } = this.#options;
    const todo = plan(checks, this.target, this.welcome);
    await this.#opening(todo);
    for (const { check, reason } of todo.notExercised) await this.#ledger.skip(check, reason);
    for (const { rule, reason } of todo.excluded) await this.#ledger.exclude(rule, reason);
    if (this.hopeless) this.#ledger.expectRoot(ROOT_NO_WELCOME, WELCOME_RULES, checks);
    this.stalls.start();
    const canary = await this.#canary();
    try {
      await this.#together(todo.together, this.#options.jobs ?? DEFAULT_JOBS);
      await this.#onceMore();
      await this.#oneByOne(todo.alone);
      await this.#onceMore();
    } finally {
      canary.stop();
      this.stalls.stop();
      await this.instances.stop();
    }
    this.interruption.check();
    if (this.watchdog.noise > NOISY)
      await this.#note(
        'warning',
        `The machine or the target was too busy to measure for ${Math.round(this.watchdog.noise * 100)} % of the time: waits were lengthened by as much.`,
      );
    return this.#ledger.close(this.#lacking(), performance.now() - this.#start);
  }

  #lacking(): string[] {
    const announced = [...(this.welcome?.features ?? []), 'core', 'transport'];
    const deployed = [this.target.urls.length > 1 && 'cluster', this.target.logs && 'logs'];
    return (this.#options.require ?? []).filter(
      (each) => !announced.includes(each) && !deployed.includes(each),
    );
  }

  async #opening(todo: Plan): Promise<void> {
    await this.#report({
      event: 'run_start',
      schema: 1,
      started_at: new Date().toISOString(),
      parlor_version: parlorVersion,
      node_version: process.version,
      seed: this.seed,
      target: this.#info(),
      checks: [...todo.together, ...todo.alone].map(({ id }) => id),
      expected_ms: todo.expectedMs,
      not_exercised: todo.notExercised.map(({ check, reason }) => ({ rule: check.rule, reason })),
    });
    if (this.hopeless)
      await this.#note(
        'warning',
        `No connection is welcomed (${this.hopeless.actual}): what needs a welcome follows from that.`,
      );
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

  #note(level: 'info' | 'warning' | 'error', text: string): void | Promise<void> {
    return this.#report({ event: 'note', level, text });
  }

  // The canary is a user of its own; where nothing answers Pings, only our own clock is left.
  async #canary(): Promise<Canary> {
    const { minter, plain, urls } = this.target;
    const canary = new Canary(
      new URL(urls[0] ?? ''),
      () => (plain || !minter ? {} : { query: [['token', minter.mint(`canary-${this.#nonce}`)]] }),
      (ms) => this.stalls.roundTrip(ms),
    );
    this.stalls.waiting = () => canary.waitingFor;
    const works = await canary.start();
    this.watchdog.start(works ? canary : undefined);
    return canary;
  }

  async #together(checks: readonly Check[], limit: number): Promise<void> {
    const instances = { limit: INSTANCES, running: 0 };
    const one = { limit: 1, running: 0 };
    const jobs = checks.map((check) => {
      let stage: Stage | undefined;
      const begun = (it: Stage) => {
        stage = it;
      };
      return {
        run: () =>
          this.#decide(check, false, begun).finally(() => {
            // What its connections received goes with it.
            stage = undefined;
          }),
        // Whoever has no server yet waits for one.
        get stalled() {
          return stage?.stalled ?? check.options.instance !== undefined;
        },
        ...(check.options.instance && { group: instances }),
        ...(check.options.alone && { group: one }),
      };
    });
    const schedule = new Schedule(jobs, limit);
    this.watchdog.onTick = () => schedule.pump();
    this.#ledger.onFailure = () => this.#options.bail && schedule.cancel();
    const forget = this.interruption.on(() => {
      schedule.cancel();
      schedule.pump();
    });
    schedule.pump();
    await schedule.finished;
    forget();
    this.watchdog.onTick = () => {};
  }

  // Whether nothing more is to begin.
  get #stops(): boolean {
    return this.interruption.over || (this.#options.bail === true && this.#ledger.failed);
  }

  async #oneByOne(checks: readonly Check[]): Promise<void> {
    for (const check of checks) {
      if (this.#stops) return;
      await this.#decide(check, false, () => {});
    }
  }

  // Once more what could not be decided: first a few at a time, then alone. A busy machine is quieter then.
  async #onceMore(): Promise<void> {
    const start = performance.now();
    // Where the run itself took long, so do its repeats.
    const most = Math.max(REPEATS_MS, start - this.#start);
    await this.#together(this.#busy.splice(0), FEW);
    for (const check of [...this.#suspects.splice(0), ...this.#busy.splice(0)]) {
      if (this.#stops) return;
      if (performance.now() - start < most) await this.#decide(check, true, () => {});
      else
        await this.#ledger.giveUp(
          check,
          `undecided, and not repeated: the repeats of other checks took ${Math.round(most / 1000)} s`,
        );
    }
  }

  async #decide(check: Check, final: boolean, begun: (stage: Stage) => void): Promise<void> {
    if (this.interruption.over) return;
    await this.#ledger.begin(check);
    const start = performance.now();
    const outcome = await attempt(check, this, {
      nonce: this.#nonce,
      final,
      lasts: this.welcome && check.options.takes ? check.options.takes(this.welcome) : 0,
      begun,
    });
    if (this.interruption.over) return;
    await this.#ledger.findings(check, outcome.stage);
    const undecided = outcome.result === 'violation' || outcome.result === 'inconclusive';
    const shared = !check.options.instance && !isApart(check, this.target);
    // Whatever was under way when the server died and came back says nothing.
    if (undecided && shared && !final && this.#pulse.revivedAt > start) {
      this.#suspects.push(check);
      return;
    }
    const death = undecided && shared ? await this.#pulse.death() : undefined;
    if (death !== undefined) {
      const revived = await this.#revive(death);
      if (!revived) this.hopeless ??= died(undefined, death.text);
      // Whoever of those that ran together ended the server will do so again, alone.
      if (revived && !final) this.#suspects.push(check);
      else await this.#ledger.end(check, withDeath(outcome, death.text));
    } else if (outcome.result === 'inconclusive' && !final && !this.hopeless)
      // Where nobody is ever welcomed, quiet does not help.
      this.#busy.push(check);
    else {
      this.#giveUpConnecting(outcome);
      await this.#ledger.end(check, outcome);
    }
  }

  // Three connections without a welcome and never one with: the others need not wait for theirs.
  #giveUpConnecting(outcome: Attempt): void {
    if (outcome.result !== 'violation' || outcome.violation.root !== ROOT_NO_WELCOME) return;
    if (!this.#everWelcomed && this.#unwelcomed >= 3) this.hopeless ??= outcome.violation;
  }

  async #revive(death: Death): Promise<boolean> {
    const revived = await this.#pulse.revive(death);
    if (this.#told === death) return revived;
    this.#told = death;
    const after = revived ? '\nThe runner has started it again.' : '';
    await this.#note('warning', `${death.text}${after}`);
    return revived;
  }
}

function withDeath(outcome: Attempt, death: string): Attempt {
  const before = outcome.result === 'violation' ? outcome.violation : undefined;
  const { stage, duration } = outcome;
  return { result: 'violation', violation: died(before, death), stage, duration };
}

function died(before: Violation | undefined, death: string): Violation {
  return new Violation(
    {
      expected: ['the server survives whatever a client sends', ...(before?.expected ?? [])],
      actual: before ? `${death}\nbefore that: ${before.actual}` : death,
      hint: before?.hint ?? 'Something that a check sends ends the server: see its last output.',
    },
    ROOT_DIED,
  );
}
