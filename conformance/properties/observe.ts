import type { Stage } from '#conformance/harness/stage.js';
import { differing, type Welcome } from '#conformance/harness/welcome.js';
import { type Bounds, campaign, type Finding, type Scene } from './campaign.js';
import { corpus } from './corpus.js';
import type { Coverage } from './coverage.js';
import { drawScripts, SWEEPS, scripts, sweep } from './generate.js';
import { type JudgedRule, judged, situations } from './judged.js';
import { reachable } from './reach.js';
import { type Reproduced, reproduce } from './reproduce.js';
import { scenes } from './scenes.js';
import type { Script } from './script.js';
import { operationsOf, type Told, tell, tellFinding } from './telling.js';
import { type Announced, announcedBy, type Trace } from './trace.js';

/** How conversations are generated and what becomes of the failed ones. */
export interface ObserveOptions {
  /** For how long conversations are begun at least, in milliseconds; default 2,000. */
  timeMs?: number;
  /** So many conversations, however long they take, in place of a time. */
  count?: number;
  /** Conversations at once; default 12, and up to 48 where the target is far away. */
  jobs?: number;
  /** The folder for failed conversations; absent: they are not kept. */
  folder?: string;
  /** Seed of the scripts; default the run's. */
  seed?: number;
  /** Whether the first violation ends it; what is broken besides is not looked for. */
  bail?: boolean;
  /** Is told what the conversations of a run came to. */
  observed?: (observation: Observation) => void;
}

/** What the conversations of a run came to. */
export interface Observation {
  announced: Announced;
  coverage: Coverage;
  /** What is reported of each broken rule. */
  failures: ReadonlyMap<JudgedRule, Told>;
  /** What making the root causes smaller came to. */
  reduced: ReadonlyMap<JudgedRule, Reproduced>;
  inconclusive: number;
  /** Milliseconds for which conversations were held, before any failure was made smaller. */
  heldMs: number;
}

const TIME_MS = 2_000;
/** Conversations that a run has at least, as long as the target is no slower than a rare situation is waited for. */
const LEAST = 500;
const JOBS = 12;
const MOST_JOBS = 48;
/** A rare situation is waited for until then, in milliseconds. */
const LONGEST_MS = 32_000;
/** Longer than a conversation takes on average, with the slowest target: a count is reached unless it hangs. */
const SLOWEST_MS = 500;
/** After this many milliseconds failures are no longer made smaller, but told as they are. */
const SMALLER_MS = 40_000;
/** Times that the corpus is run: once alone, once among others. */
const CORPUS_ROUNDS = 2;
/** Drawn scripts between two that make mistakes, in turn: few enough that 500 make every mistake often enough. */
const BETWEEN = [1, 2];
/** Drawn scripts between any two of the others, once all of these were held. */
const BETWEEN_AGAIN = 3;

/** For how long conversations are begun at least, in milliseconds. */
export function timeOf({ timeMs, count }: ObserveOptions): number {
  return timeMs ?? (count === undefined ? TIME_MS : count * SLOWEST_MS);
}

/** Holds conversations with the target of a run, until the time is up and every floor is reached. */
export async function observe(stage: Stage, options: ObserveOptions): Promise<Observation> {
  const announced = announcedBy(stage.welcome);
  const { scene, quick } = scenes(stage, announced);
  const { count = Number.POSITIVE_INFINITY, jobs, seed = stage.seed, bail = false } = options;
  const timeMs = timeOf(options);
  const due = reachable(announced);
  let swept = false;
  const bounds: Bounds = {
    count,
    timeMs,
    jobs: jobs ?? JOBS,
    mostJobs: jobs ?? MOST_JOBS,
    bail,
    abandoned: () => stage.ended,
    longestMs: Math.max(timeMs, LONGEST_MS),
    enough: ({ conversations, rules }) =>
      swept &&
      conversations >= LEAST &&
      due.every((rule) => situations(rules, rule) >= judged[rule].floor),
  };
  const drawn = endless(announced, stage.urls.length, seed, () => {
    swept = true;
  });
  const held = await campaign(scene, drawn, bounds, quick);
  const { coverage, inconclusive, durationMs } = held;
  const findings = held.findings.filter(({ trace }) => !toldOtherwise(trace, stage.welcome));
  const explained = await explain(findings, scene, quick, options.folder);
  const observation = { announced, coverage, ...explained, inconclusive, heldMs: durationMs };
  options.observed?.(observation);
  return observation;
}

// What was generated and judged by other numbers proves nothing.
function toldOtherwise(trace: Trace, welcome: Welcome): boolean {
  return trace.entries.some(
    (entry) =>
      entry.kind === 'receive' &&
      entry.message.type === 'welcome' &&
      differing(welcome, entry.message.data as unknown as Welcome) !== undefined,
  );
}

/**
 * Scripts without end: the corpus, then drawn ones between those that make mistakes; `swept` is told when all were
 * made. After that the drawn ones prevail, but what a busy machine left undecided comes about again.
 */
function* endless(
  { features, limits }: Announced,
  instances: number,
  seed: number,
  swept: () => void,
): Generator<Script> {
  for (let round = 0; round < CORPUS_ROUNDS; round += 1)
    for (const script of corpus) yield spread(script, instances, round);
  const drawn = drawScripts(scripts(features, instances), seed);
  for (let round = 0; round < SWEEPS; round += 1) {
    for (const [index, script] of [...sweep(round, limits.max_protocol_errors - 1)].entries()) {
      yield spread(script, instances, round);
      const between = BETWEEN[index % BETWEEN.length] ?? 0;
      for (let count = 0; count < between; count += 1) yield drawn.next().value as Script;
    }
  }
  swept();
  for (let round = SWEEPS; ; round += 1)
    for (const script of [...corpus, ...sweep(round, limits.max_protocol_errors - 1)]) {
      yield spread(script, instances, round);
      for (let count = 0; count < BETWEEN_AGAIN; count += 1) yield drawn.next().value as Script;
    }
}

/** The clients of a script over the instances of a cluster. */
function spread(script: Script, instances: number, shift: number): Script {
  if (instances === 1) return script;
  const clients = script.clients.map((each, index) => ({
    ...each,
    at: (index + shift) % instances,
  }));
  return { ...script, clients };
}

/** Root causes first, each made small; then what follows from them. */
async function explain(
  findings: readonly Finding[],
  scene: Scene,
  quick: Scene,
  folder: string | undefined,
): Promise<Pick<Observation, 'failures' | 'reduced'>> {
  const failures = new Map<JudgedRule, Told>();
  const reduced = new Map<JudgedRule, Reproduced>();
  const start = performance.now();
  for (const finding of findings) {
    for (const cause of finding.judgement.causes) {
      if (failures.has(cause.rule)) continue;
      const small =
        performance.now() - start < SMALLER_MS
          ? await reproduce({
              script: finding.script,
              rule: cause.rule,
              proof: operationsOf(finding.trace, cause),
              scene,
              quick,
            })
          : undefined;
      if (small) reduced.set(cause.rule, small);
      failures.set(cause.rule, tellFinding(finding, cause.rule, small, folder));
    }
  }
  for (const finding of findings) {
    const [cause] = finding.judgement.causes;
    for (const { rule } of finding.judgement.consequences) {
      if (!cause || failures.has(rule)) continue;
      const told = tell(finding, rule, finding.script, { hits: 1, runs: 1 });
      failures.set(rule, { ...told, caused_by: `${cause.rule}/conversations` });
    }
  }
  return { failures, reduced };
}
