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
  /** Conversations at once. */
  jobs: number;
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

let counter = 0;

/** A namespace that no other conversation of this run has. */
export function namespace(nonce: string): string {
  counter += 1;
  return `${nonce}${counter.toString(36)}`;
}

/** Runs scripts, several at once, until they, the time or the count run out. */
export async function campaign(
  scene: Scene,
  scripts: Iterator<Script>,
  bounds: Bounds,
  onFinding: (finding: Finding) => void = () => {},
): Promise<Campaign> {
  const { announced, nonce } = scene;
  const start = performance.now();
  const result: Campaign = {
    coverage: new Coverage(),
    findings: [],
    broken: new Map(),
    inconclusive: 0,
    durationMs: 0,
  };
  let left = bounds.count;
  const goesOn = () => {
    const spent = performance.now() - start;
    if (spent < bounds.timeMs) return true;
    return spent < (bounds.longestMs ?? 0) && !bounds.enough?.(result.coverage);
  };
  const work = async () => {
    while (left > 0 && goesOn()) {
      const { value: script, done } = scripts.next();
      if (done) return;
      left -= 1;
      const outcome = await converse(script, scene.network, announced, namespace(nonce));
      if (outcome.inconclusive) result.inconclusive += 1;
      result.coverage.add(outcome.judgement);
      const rules = new Set(outcome.judgement.causes.map((each) => each.rule));
      const fresh = [...rules].some((rule) => !result.broken.has(rule));
      for (const rule of rules) result.broken.set(rule, (result.broken.get(rule) ?? 0) + 1);
      if (!fresh) continue;
      const finding = { ...outcome, script };
      result.findings.push(finding);
      onFinding(finding);
    }
  };
  await Promise.all(Array.from({ length: bounds.jobs }, work));
  result.durationMs = performance.now() - start;
  return result;
}
