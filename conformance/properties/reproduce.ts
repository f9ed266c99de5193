import { parallel } from '#conformance/harness/parallel.js';
import { namespace, type Scene } from './campaign.js';
import { converse, type Outcome } from './converse.js';
import { type Allowance, type Minimised, minimise, type Try } from './minimise.js';
import type { Script } from './script.js';

/** How often a script failed when it was repeated. */
export interface Rate {
  hits: number;
  runs: number;
}

/** A failure made small. */
export interface Reproduced extends Minimised {
  /** How often the small script fails. */
  rate: Rate;
  /** A run of the small script that failed; absent when none did any more. */
  outcome: Outcome | undefined;
}

const REPEATS = 10;
/** Hits among the repetitions that make a script worth telling. */
const OFTEN = 3;
/** Few enough to stay quick, enough that a fault of one in ten is missed once in twenty times. */
const MOST_REPEATS = 28;
const MISSED = 0.05;
// With the repetitions before and after, 60 conversations.
const ALONE: Allowance = { candidates: 38, timeMs: 5_000 };
const RACING: Allowance = { candidates: 60, timeMs: 20_000 };

/** Whether a run broke a rule, as a cause or as what follows from one. */
export function breaks({ judgement }: Outcome, rule: string): boolean {
  const { causes, consequences } = judgement;
  return [...causes, ...consequences].some((each) => each.rule === rule);
}

/** Conversations at once: more would change the timing that is to be found again. */
const AT_ONCE = 12;
const CONFIRMATIONS = 12;

/**
 * Repeats a failing script to learn how often it fails, then makes it smaller as long as it breaks the same rule.
 * `quick` is a scene whose patience is short: a mistake that this may cause is found out by `scene`, which has the
 * last word.
 */
export async function reproduce(
  script: Script,
  rule: string,
  proof: readonly number[],
  scene: Scene,
  quick: Scene,
): Promise<Reproduced> {
  const run = (each: Script, where: Scene) =>
    converse(each, where.network, where.announced, namespace(where.nonce));
  const repeat = (each: Script, times: number) =>
    parallel(
      AT_ONCE,
      Array.from({ length: times }, () => each),
      async (one) => breaks(await run(one, quick), rule),
    );
  const before = (await repeat(script, REPEATS)).filter(Boolean).length;
  const surely = before === REPEATS;
  const times = surely
    ? 1
    : Math.min(
        MOST_REPEATS,
        Math.ceil(Math.log(MISSED) / Math.log(1 - Math.max(before, 1) / (REPEATS + 1))),
      );
  const accepted: Script[] = [script];
  const attempt: Try = async (candidates) => {
    const all = candidates.flatMap((each) => Array.from({ length: times }, () => each));
    const hits = await parallel(AT_ONCE, all, async (one) => breaks(await run(one, quick), rule));
    const found = candidates.findIndex((_, index) =>
      hits.slice(index * times, (index + 1) * times).some(Boolean),
    );
    if (candidates[found]) accepted.push(candidates[found]);
    return found;
  };
  const small =
    before === 0
      ? { script, tried: 0, exhausted: false }
      : await minimise(script, proof, attempt, surely ? ALONE : RACING);
  // A smaller race may be a rarer one: the smallest that shows often enough is the one to tell.
  const enough = Math.min(OFTEN, before);
  let best = { script, hits: before };
  for (const [index, each] of accepted.toReversed().entries()) {
    const hits = (await repeat(each, REPEATS)).filter(Boolean).length;
    if (index === 0 || hits > best.hits) best = { script: each, hits };
    if (best.hits >= enough) break;
  }
  const { script: chosen, hits } = best;
  const outcome = await confirm(chosen, rule, CONFIRMATIONS, (each) => run(each, scene));
  return { ...small, script: chosen, rate: { hits, runs: REPEATS }, outcome };
}

/** The first run with all patience that fails. */
async function confirm(
  script: Script,
  rule: string,
  times: number,
  run: (script: Script) => Promise<Outcome>,
): Promise<Outcome | undefined> {
  for (let tries = 0; tries < times; tries += 1) {
    const outcome = await run(script);
    if (breaks(outcome, rule)) return outcome;
  }
  return undefined;
}
