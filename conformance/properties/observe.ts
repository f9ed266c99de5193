import { randomBytes } from 'node:crypto';
import type { Failure } from '#conformance/harness/events.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Inconclusive } from '#conformance/harness/verdict.js';
import type { Expiry } from '#conformance/harness/watchdog.js';
import { campaign, type Finding, type Scene } from './campaign.js';
import { corpus } from './corpus.js';
import type { Coverage } from './coverage.js';
import { failureId, saveFailure } from './failures.js';
import { drawScripts, scripts } from './generate.js';
import type { Violation } from './judge/findings.js';
import { type JudgedRule, judged, situations } from './judged.js';
import { reachable } from './reach.js';
import { type Reproduced, reproduce } from './reproduce.js';
import type { Script } from './script.js';
import { Sockets } from './sockets.js';
import { timeline } from './timeline.js';
import { type Announced, announcedBy } from './trace.js';

/** How conversations are generated and what becomes of the failed ones. */
export interface ObserveOptions {
  /** For how long conversations are begun at least, in milliseconds; default 4,000. */
  timeMs?: number;
  /** Conversations at once; default 12. */
  jobs?: number;
  /** The folder for failed conversations; absent: they are not kept. */
  folder?: string;
  /** Seed of the scripts; default the run's. */
  seed?: number;
  /** Scripts in place of the corpus and the drawn ones. */
  only?: readonly Script[];
}

/** What the conversations of a run came to. */
export interface Observation {
  announced: Announced;
  coverage: Coverage;
  /** What is reported of each broken rule. */
  failures: ReadonlyMap<JudgedRule, Omit<Failure, 'rule'>>;
  inconclusive: number;
}

const TIME_MS = 4_000;
const JOBS = 12;
/** A rare situation is waited for at most this many times as long. */
const STRETCH = 8;
/** Patience of the runs that only help to make a failure small. */
const QUICK_MS = 250;
const SMALLER_MS = 40_000;

/** Holds conversations with the target of a run, until the time is up and every floor is reached. */
export async function observe(stage: Stage, options: ObserveOptions): Promise<Observation> {
  const announced = announcedBy(stage.welcome);
  const endpoint = { urls: stage.urls, minter: stage.minter, features: announced.features };
  const nonce = `v${randomBytes(3).toString('hex')}x`;
  const scene: Scene = {
    network: new Sockets({ ...endpoint, watch: (expire) => watch(stage, expire) }),
    announced,
    nonce,
  };
  const quick: Scene = {
    network: new Sockets({ ...endpoint, watch: soon }),
    announced,
    nonce: `${nonce}q`,
  };
  const { timeMs = TIME_MS, jobs = JOBS, seed = stage.seed, only } = options;
  const chosen = only
    ? only[Symbol.iterator]()
    : endless(scripts(announced.features, stage.urls.length), seed);
  const bounds = {
    count: only?.length ?? Number.POSITIVE_INFINITY,
    timeMs,
    jobs,
    longestMs: timeMs * STRETCH,
    enough: ({ rules }: Coverage) =>
      reachable(announced).every((rule) => situations(rules, rule) >= judged[rule].floor),
  };
  const { findings, ...result } = await campaign(scene, chosen, bounds, quick);
  const failures = new Map<JudgedRule, Omit<Failure, 'rule'>>();
  const start = performance.now();
  for (const finding of findings) {
    for (const cause of finding.judgement.causes) {
      if (failures.has(cause.rule)) continue;
      const time = performance.now() - start < SMALLER_MS;
      const small = time
        ? await reproduce(finding.script, cause.rule, operationsOf(finding, cause), scene, quick)
        : undefined;
      failures.set(cause.rule, failure(finding, cause, small, options.folder));
    }
  }
  for (const { judgement, trace } of findings) {
    const [cause] = judgement.causes;
    for (const { rule, expected, actual } of judgement.consequences)
      if (cause && !failures.has(rule))
        failures.set(rule, {
          expected: [expected],
          actual,
          timeline: timeline(trace),
          caused_by: `${cause.rule}/conversations`,
        });
  }
  return { announced, failures, coverage: result.coverage, inconclusive: result.inconclusive };
}

function* endless(arbitrary: ReturnType<typeof scripts>, seed: number): Generator<Script> {
  yield* corpus;
  yield* corpus;
  yield* drawScripts(arbitrary, seed);
}

// The stage is asked to be patient with a promise; what ends that patience ends our wait.
function watch(stage: Stage, expire: (why: Expiry) => void): () => void {
  let stop = () => {};
  const waiting = new Promise<void>((resolve) => {
    stop = resolve;
  });
  stage
    .within(waiting, { expected: 'progress', actual: 'nothing came' })
    .catch((error: unknown) => expire(error instanceof Inconclusive ? 'noise' : 'silence'));
  return stop;
}

function soon(expire: (why: Expiry) => void): () => void {
  const timer = setTimeout(() => expire('silence'), QUICK_MS);
  return () => clearTimeout(timer);
}

/** The operations of the script that a violation rests on. */
function operationsOf({ trace }: Finding, { entries }: Violation): number[] {
  return entries.flatMap((n) => {
    const entry = trace.entries[n];
    return entry?.kind === 'send' && entry.operation !== undefined ? [entry.operation] : [];
  });
}

function failure(
  finding: Finding,
  cause: Violation,
  small: Reproduced | undefined,
  folder: string | undefined,
): Omit<Failure, 'rule'> {
  const shown = small?.outcome ?? finding;
  const script = small?.outcome ? small.script : finding.script;
  const all = [...shown.judgement.causes, ...shown.judgement.consequences];
  const told = all.find((each) => each.rule === cause.rule) ?? cause;
  const id = failureId(cause.rule, script);
  const rate = small?.rate ?? { hits: 1, runs: 1 };
  if (folder !== undefined) {
    const { causes, consequences } = shown.judgement;
    saveFailure(folder, {
      schema: 1,
      id,
      rule: cause.rule,
      script,
      reproduction: rate,
      exhausted: small?.exhausted ?? true,
      trace: shown.trace,
      causes,
      consequences,
    });
  }
  return {
    expected: [told.expected],
    actual: told.actual.replaceAll(`.${shown.trace.namespace}`, ''),
    ...hint(small),
    timeline: timeline(shown.trace),
    script,
    reproduction: rate,
    ...(folder !== undefined && { replay: `parlor replay ${id}` }),
  };
}

function hint(small: Reproduced | undefined): { hint?: string } {
  if (!small) return { hint: 'There was no time left to look for a smaller conversation.' };
  const { hits, runs } = small.rate;
  const sentences = [
    small.outcome ? '' : 'It did not happen again: the conversation is shown as it was.',
    small.outcome && hits < runs
      ? `It is a matter of timing: ${hits} of ${runs} repetitions failed.`
      : '',
    small.exhausted ? 'The search for a smaller conversation ended with its budget.' : '',
  ].filter(Boolean);
  return sentences.length > 0 ? { hint: sentences.join(' ') } : {};
}
