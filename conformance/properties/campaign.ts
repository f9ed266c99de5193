import { converse, type Outcome } from './converse.js';
import { Coverage } from './coverage.js';
import type { Network } from './network.js';
import type { Script } from './script.js';
import type { Announced } from './trace.js';

/** Where conversations take place. */
export interface Scene {
  network: Network;
  announced: Announced;
  /** Beginning of the names of this run, so that no two runs meet. */
  nonce: string;
}

/** How many conversations, and for how long. */
export interface Bounds {
  /** Conversations at most. */
  count: number;
  /** Milliseconds for which conversations are begun. */
  timeMs: number;
  /** Milliseconds for which they go on as long as there have not been `enough`. */
  longestMs?: number;
  enough?: (coverage: Coverage) => boolean;
  /** Whether it ends with the first violation. */
  bail?: boolean;
  /** Whether nobody waits for it any more. */
  abandoned?: () => boolean;
  /** Conversations at once, from the beginning. */
  jobs: number;
  /** So many when we only wait for the target, as one far away makes us do; default `jobs`. */
  mostJobs?: number;
}

/** A conversation in which something was wrong, or that could not be judged. */
export interface Finding extends Outcome {
  script: Script;
}

/** What many conversations came to. */
export interface Campaign {
  coverage: Coverage;
  /** Those with violations, in the order of ending; one for each rule. */
  findings: Finding[];
  /** Conversations in which each rule was broken as a root cause. */
  broken: Map<string, number>;
  inconclusive: number;
  durationMs: number;
}

/** Conversations in a row without a single welcome that prove that there is nobody left to talk to. */
const DESERTED = 30;

/** How often it is looked whether more can be held at once, in milliseconds, and how many more that may be. */
const LOOK_MS = 250;
const MORE_JOBS = 6;
/** The share of its time for which our event loop may be busy when more are begun. */
const IDLE_ENOUGH = 0.5;

/** A conversation that takes longer than this probably waits for what does not come, in milliseconds. */
const LONG_MS = 2_000;
/** Conversations that are held meanwhile. */
const FEW_JOBS = 3;

/** How often a conversation is repeated in which something new was missing. */
const CONFIRMATIONS = 2;

let counter = 0;

/** A namespace that no other conversation of this run has. */
export function namespace(nonce: string): string {
  counter += 1;
  return `${nonce}${counter.toString(36)}`;
}

/**
 * Runs scripts, several at once, until they, the time or the count run out. Once something is known to be missing,
 * the others are run with `quick`, whose patience is short: what it misses besides is confirmed before it counts.
 */
export async function campaign(
  scene: Scene,
  scripts: Iterator<Script>,
  bounds: Bounds,
  quick: Scene = scene,
): Promise<Campaign> {
  const start = performance.now();
  const result: Campaign = {
    coverage: new Coverage(),
    findings: [],
    broken: new Map(),
    inconclusive: 0,
    durationMs: 0,
  };
  let left = bounds.count;
  let missing = false;
  let deserted = 0;
  const goesOn = () => {
    if (deserted >= DESERTED || bounds.abandoned?.()) return false;
    if (bounds.bail && result.findings.length > 0) return false;
    const spent = performance.now() - start;
    if (spent < bounds.timeMs) return true;
    return spent < (bounds.longestMs ?? 0) && !bounds.enough?.(result.coverage);
  };
  const run = (script: Script, { network, announced, nonce }: Scene) =>
    converse(script, network, announced, namespace(nonce));
  const take = (script: Script, outcome: Outcome, patient: boolean): boolean => {
    const { causes } = outcome.judgement;
    const sure = causes.filter((each) => patient || !each.absence || result.broken.has(each.rule));
    const fresh = sure.some((each) => !result.broken.has(each.rule));
    for (const { rule } of sure) result.broken.set(rule, (result.broken.get(rule) ?? 0) + 1);
    if (fresh) result.findings.push({ ...outcome, script });
    missing ||= patient && causes.some((each) => each.absence);
    return sure.length === causes.length;
  };
  const running = new Map<Promise<Outcome>, number>();
  const someoneWaits = () => {
    const now = performance.now();
    return [...running.values()].some((since) => now - since > LONG_MS);
  };
  let begun = 0;
  const work = async () => {
    const place = begun;
    begun += 1;
    while (left > 0 && goesOn()) {
      // Patience passes only while the target serves others in time: most of them stand back.
      if (place >= FEW_JOBS && someoneWaits()) {
        await Promise.race(running.keys());
        continue;
      }
      const { value: script, done } = scripts.next();
      if (done) return;
      left -= 1;
      const patient = !missing;
      const conversation = run(script, patient ? scene : quick);
      running.set(conversation, performance.now());
      const outcome = await conversation.finally(() => running.delete(conversation));
      if (outcome.inconclusive) result.inconclusive += 1;
      const { connections } = outcome.judgement.facts;
      deserted = connections.some((each) => each.received.length > 0) ? 0 : deserted + 1;
      result.coverage.add(outcome.judgement);
      if (take(script, outcome, patient)) continue;
      for (let tries = CONFIRMATIONS; tries > 0 && goesOn(); tries -= 1)
        take(script, await run(script, scene), true);
    }
  };
  let failure: { error: unknown } | undefined;
  const begin = () =>
    work().catch((error: unknown) => {
      failure ??= { error };
      left = 0;
    });
  const workers = Array.from({ length: bounds.jobs }, begin);
  let before = performance.eventLoopUtilization();
  const growth = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const room = (bounds.mostJobs ?? bounds.jobs) - workers.length;
    if (utilization > IDLE_ENOUGH || missing) return;
    for (let more = Math.min(room, MORE_JOBS); more > 0; more -= 1) workers.push(begin());
  }, LOOK_MS);
  // Those that join later are waited for, too.
  for (let index = 0; index < workers.length; index += 1) await workers[index];
  clearInterval(growth);
  if (failure) throw failure.error;
  result.durationMs = performance.now() - start;
  return result;
}
