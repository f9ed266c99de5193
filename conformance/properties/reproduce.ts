import { parallel } from '#conformance/harness/parallel.js';
import { Allowance, type Limits } from './allowance.js';
import { namespace, type Scene } from './campaign.js';
import { converse, type Outcome } from './converse.js';
import type { JudgedRule } from './judged.js';
import { calm, minimise, type Try } from './minimise.js';
import type { Script } from './script.js';

/** How often a script failed when it was repeated. */
export interface Rate {
  hits: number;
  runs: number;
}

/** A failure made small. */
export interface Reproduced {
  script: Script;
  /** How often the small script fails. */
  rate: Rate;
  /** A run of the small script that failed; absent when none did any more. */
  outcome: Outcome | undefined;
  /** Whether the search ended because its allowance did: a smaller script may exist. */
  exhausted: boolean;
  /** Conversations that were held for it. */
  executions: number;
  /** Milliseconds that the search took, without the last confirmation: that one waits with all patience. */
  searchMs: number;
}

/** What is to be made small, and where. */
export interface Specimen {
  script: Script;
  /** The rule that it has to break all the while. */
  rule: JudgedRule;
  /** The operations that the violation rests on. */
  proof: readonly number[];
  /** Where the last word is spoken. */
  scene: Scene;
  /** Where it is repeated: a scene whose patience is short. What this calls wrong by mistake is found out by `scene`. */
  quick: Scene;
  /** Milliseconds of a steady clock; default the machine's. */
  now?: () => number;
}

const REPEATS = 10;
/** Further repetitions for what did not fail again. */
const RARE_REPEATS = 20;
/** Repetitions that show whether a sequential script fails each time. */
const TRIALS = 6;
/** Hits among the repetitions that make a script worth telling. */
const OFTEN = 3;
/** Few enough to stay quick, enough that a fault of one in ten is missed once in twenty times. */
const MOST_REPEATS = 28;
const MISSED = 0.05;
/** For what fails each time: the conversations count, and the search has to leave time for what comes after it. */
const ALONE: Limits = { executions: 60, timeMs: 4_000 };
/** For what fails now and then. */
const RACING: Limits = { executions: 3_000, timeMs: 20_000 };
/** Conversations at once: more would change the timing that is to be found again. */
const AT_ONCE = 12;
/** What the search leaves for the repetitions of the smallest script and their confirmation. */
const RESERVE = REPEATS + 2;

/** Whether a run broke a rule, as a cause or as what follows from one. */
export function breaks({ judgement }: Outcome, rule: string): boolean {
  const { causes, consequences } = judgement;
  return [...causes, ...consequences].some((each) => each.rule === rule);
}

/**
 * Repeats a failing script to learn how often it fails, then makes it smaller as long as it breaks the same rule, and
 * about as often.
 */
export async function reproduce(specimen: Specimen): Promise<Reproduced> {
  const { script, rule, proof, scene, quick, now = () => performance.now() } = specimen;
  const allowance = new Allowance(ALONE, now);
  const run = (each: Script, where: Scene) =>
    converse(each, where.network, where.announced, namespace(where.nonce));
  /** How often each of several scripts fails in so many runs. */
  const count = async (each: readonly Script[], times: number): Promise<number[]> => {
    const all = each.flatMap((one) => Array.from({ length: times }, () => one));
    const hits = await parallel(AT_ONCE, all, async (one) => breaks(await run(one, quick), rule));
    return each.map((_, at) => hits.slice(at * times, (at + 1) * times).filter(Boolean).length);
  };
  const before = { hits: 0, runs: 0 };
  for (const more of [REPEATS, RARE_REPEATS]) {
    if (before.hits > 0) break;
    allowance.take(more);
    const [hits = 0] = await count([script], more);
    before.hits += hits;
    before.runs += more;
  }
  const accepted: Script[] = [script];
  let surely = before.hits === before.runs;
  if (!surely && before.hits > 0) {
    // What fails now and then where all is done at once may fail each time where one thing is done after the other.
    const sequential = calm(script);
    allowance.take(TRIALS);
    const [hits] = await count([sequential], TRIALS);
    surely = hits === TRIALS;
    if (surely) accepted.push(sequential);
  }
  if (!surely) allowance.limits = RACING;
  let times = surely ? 1 : repetitions(before);
  const attempt: Try = async (candidates) => {
    const afford = (runs: number) => !allowance.late && allowance.take(runs, RESERVE);
    if (!afford(candidates.length * times)) return undefined;
    const hits = await count(candidates, times);
    for (const [index, first] of hits.entries()) {
      const candidate = candidates[index];
      if (first === 0 || !candidate) continue;
      if (!surely) {
        // One hit may be luck: whoever goes on from there finds nothing any more.
        if (!afford(times)) return undefined;
        const [second = 0] = await count([candidate], times);
        if (first + second < 2) continue;
        times = repetitions({ hits: first + second, runs: 2 * times });
      }
      accepted.push(candidate);
      return index;
    }
    return -1;
  };
  const small =
    before.hits === 0 ? { script, exhausted: false } : await minimise(script, proof, attempt);
  // A smaller race may be a rarer one: the smallest that shows often enough is the one to tell.
  const enough = Math.min(OFTEN, before.hits);
  let best = { script, hits: 0 };
  for (const [index, each] of accepted.toReversed().entries()) {
    if (!allowance.take(REPEATS, 1)) break;
    const [hits = 0] = await count([each], REPEATS);
    // What does not fail each time is a matter of timing after all.
    if (hits < REPEATS) allowance.limits = RACING;
    if (index === 0 || hits > best.hits) best = { script: each, hits };
    if (best.hits >= enough) break;
  }
  const searchMs = allowance.spentMs;
  const rate = { hits: best.hits, runs: REPEATS };
  let outcome: Outcome | undefined;
  // One alone; where that does not fail, several at once, as when it was found.
  for (const together of best.hits === REPEATS ? [1, 1] : [1, AT_ONCE, AT_ONCE]) {
    if (outcome || !allowance.take(together)) break;
    const all = await Promise.all(Array.from({ length: together }, () => run(best.script, scene)));
    const failed = all.filter((each) => breaks(each, rule));
    [outcome] = failed;
    if (best.hits > 0) continue;
    rate.hits += failed.length;
    rate.runs += together;
  }
  return {
    script: best.script,
    rate,
    outcome,
    exhausted: small.exhausted,
    executions: allowance.executions,
    searchMs,
  };
}

/** How often something has to be tried that fails so often, not to be missed. */
function repetitions({ hits, runs }: Rate): number {
  const missed = 1 - Math.max(hits, 1) / (runs + 1);
  return Math.min(MOST_REPEATS, Math.ceil(Math.log(MISSED) / Math.log(missed)));
}
