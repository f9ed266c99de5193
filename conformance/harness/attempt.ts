import type { Check } from './check.js';
import type { Acquired } from './instances.js';
import { Interrupted } from './interruption.js';
import { Journal } from './journal.js';
import { isApart } from './plan.js';
import { type Instance, lastOutput } from './process.js';
import { requirement } from './requirements.js';
import type { StageRun } from './shared.js';
import { Stage } from './stage.js';
import { tooBusy } from './stalls.js';
import { Inconclusive, NotExercised, NotSeen, TargetError, Vacuous, Violation } from './verdict.js';

/** What one attempt at a check came to. */
export type Attempt = { stage: Stage; duration: number } & (
  | { result: 'pass' }
  | { result: 'violation'; violation: Violation }
  | { result: 'inconclusive' | 'vacuous' | 'not_exercised'; reason: string }
  | { result: 'bug'; error: unknown }
);

// How long a server waits for a first message is not announced; a delay of that may be too long, in milliseconds.
const WORTH_DOUBT_MS = 100;

// A check that has not ended by then waits for something that the harness does not watch: our own mistake.
const LONGEST_MS = 240_000;

// What each instance of a cluster answers for alone.
const APART = new Set(['operations', 'logs']);

/** How an attempt is made. */
export interface Circumstances {
  /** Beginning of the names that this run makes. */
  nonce: string;
  /** Whether it is the last attempt. */
  final: boolean;
  /** How long the check's announced times make it last, in milliseconds. */
  lasts: number;
  begun: (stage: Stage) => void;
}

/** Runs a check once; never throws. `begun` is told the stage while it runs. */
export async function attempt(
  check: Check,
  run: StageRun,
  { nonce, final, lasts, begun }: Circumstances,
): Promise<Attempt> {
  const start = performance.now();
  let own: Acquired | undefined;
  const journal = new Journal();
  let stage = new Stage(run, journal, nonce, final);
  let timer: NodeJS.Timeout | undefined;
  let complaints = listen(run.target.instances);
  try {
    const apart = isApart(check, run.target);
    const { instance = apart ? {} : undefined, orTarget, shared } = check.options;
    if (instance && (run.target.launch || !orTarget)) {
      // The last attempt depends on nobody: what others have done to a shared server does not touch it.
      own = await run.instances.acquire(
        instance,
        apart ? 'apart' : shared && !final ? 'all' : undefined,
      );
      stage = new Stage(run, journal, nonce, final, own.instance);
      complaints = listen([own.instance]);
    }
    const { chapter, profile } = requirement(check.rule);
    stage.counting = { rule: check.rule, chapter, overrides: instance ?? {} };
    stage.spread = !APART.has(profile);
    begun(stage);
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the check ${check.id} did not end by itself`)),
        LONGEST_MS + 2 * lasts,
      );
    });
    await run.interruption.race(Promise.race([check.run(stage), tooLong]));
    if (stage.bugs.length > 0) throw stage.bugs[0];
    return { result: 'pass', stage, duration: performance.now() - start };
  } catch (error) {
    if (error instanceof Interrupted)
      return {
        result: 'inconclusive',
        reason: error.message,
        stage,
        duration: performance.now() - start,
      };
    if (own && !own.instance.running)
      journal.add('server', 'note', 'note', `ended${lastOutput(own.instance)}`);
    for (const text of complaints()) journal.add('server', 'note', 'note', text);
    journal.end();
    const found = beyond(stage, classify(error, stage));
    const doubt = run.doubts
      ? await doubted(check, found, stage, run, Math.min(start, stage.since))
      : undefined;
    return { ...(doubt ?? found), stage, duration: performance.now() - start };
  } finally {
    clearTimeout(timer);
    stage.end();
    await stage.undone();
    await own?.release();
  }
}

// A check that asks for more than the operator announces proves nothing of the server.
function beyond(stage: Stage, found: Classified): Classified {
  if (found.result !== 'violation') return found;
  const reason = stage.exhausted();
  return reason === undefined ? found : { result: 'not_exercised', reason };
}

const COMPLAINT = /\b(?:error|exception|panic|fatal|traceback|unhandled|segmentation fault)/i;
const LINES = 6;

// Servers tell on stderr what went wrong in them; of a check's time, what begins like that is worth showing.
function listen(instances: readonly Instance[]): () => string[] {
  const before = instances.map(({ output }) => output.stderr.length);
  return () =>
    instances.flatMap(({ output }, index) => {
      const lines = output.stderr.slice(before[index]).trim().split('\n');
      const first = lines.findIndex((line) => COMPLAINT.test(line));
      return first < 0
        ? []
        : [`meanwhile the server wrote:\n${lines.slice(first, first + LINES).join('\n')}`];
    });
}

// What a busy machine may have caused is no violation yet: a connection lost because a Pong was late makes much else
// look wrong, and so does whatever was late itself. Whether heartbeats are right is for their own checks to say.
async function doubted(
  { rule, options }: Check,
  found: Classified,
  stage: Stage,
  { stalls, outages }: StageRun,
  start: number,
): Promise<Classified | undefined> {
  const actual = doubtful(found);
  // A flood holds the runner up, and is the target's doing.
  if (actual === undefined || stage.flooded) return undefined;
  const loss = await stage.lost();
  const seen = await stalls.since(start);
  const delay = { ...seen, target: Math.max(seen.target, stage.slowest) };
  // In its own chapter only where something may have been late by what the machine was held up.
  const patience = { heartbeat: stage.patienceOfPings / 4, authentication: WORTH_DOUBT_MS };
  const late = loss && Math.max(delay.runner, delay.target) >= patience[loss.chapter];
  if (loss && (late || requirement(rule).chapter !== loss.chapter))
    return { result: 'inconclusive', reason: loss.text };
  const outage = takesAway(options) ? undefined : outages.since(start, stage.final);
  if (outage !== undefined)
    return {
      result: 'inconclusive',
      reason: `the target said that it could not reach its store or broker (${outage}), so this proves little: ${actual}`,
    };
  if (!tooBusy(delay, stage.final)) return undefined;
  const held = `the runner was held up for ${Math.round(delay.runner)} ms, the target for ${Math.round(delay.target)} ms`;
  return {
    result: 'inconclusive',
    reason: `the machine was too busy (${held}) to be sure of this: ${actual}`,
  };
}

// Whoever stops the broker judges the outage itself.
function takesAway({ needs = [] }: Check['options']): boolean {
  return needs.some((need) => need === 'control:broker.stop');
}

// What a busy machine may have made of a right server, in words.
function doubtful(found: Classified): string | undefined {
  if (found.result === 'violation') return found.violation.actual;
  return found.result === 'not_exercised' && found.notSeen ? found.reason : undefined;
}

type Classified =
  | { result: 'violation'; violation: Violation }
  | { result: 'inconclusive' | 'vacuous'; reason: string }
  | { result: 'not_exercised'; reason: string; notSeen?: boolean }
  | { result: 'bug'; error: unknown };

function classify(error: unknown, stage: Stage): Classified {
  if (error instanceof Violation) return { result: 'violation', violation: error };
  if (error instanceof Inconclusive) return { result: 'inconclusive', reason: error.message };
  if (error instanceof Vacuous) return { result: 'vacuous', reason: error.message };
  if (error instanceof NotExercised)
    return {
      result: 'not_exercised',
      reason: error.message,
      notSeen: error instanceof NotSeen,
    };
  if (error instanceof TargetError) return { result: 'inconclusive', reason: error.message };
  // A check trusts that what it reads has the type of its schema; where that was not so, the server is at fault.
  const [finding] = stage.findings.values();
  if (finding && error instanceof TypeError)
    return {
      result: 'violation',
      violation: new Violation(
        { expected: finding.expected, actual: finding.actual },
        finding.rule,
      ),
    };
  return { result: 'bug', error };
}
