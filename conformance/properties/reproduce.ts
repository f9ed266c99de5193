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
/** Few enough to stay quick, enough that a fault of one in ten is missed once in twenty times. */
const MOST_REPEATS = 28;
const MISSED = 0.05;
const ALONE: Allowance = { candidates: 60, timeMs: 5_000 };
const RACING: Allowance = { candidates: 60, timeMs: 20_000 };

/** Whether a run broke a rule, as a cause or as what follows from one. */
export function breaks({ judgement }: Outcome, rule: string): boolean {
  const { causes, consequences } = judgement;
  return [...causes, ...consequences].some((each) => each.rule === rule);
}

/**
 * Repeats a failing script to learn how often it fails, then makes it smaller as long as it breaks the same rule.
 * `quick` is a scene whose patience is short: a mistake that this may cause is found out by `scene`, which has the last word.
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
  const repeat = async (each: Script, times: number) => {
    const outcomes = await Promise.all(Array.from({ length: times }, () => run(each, quick)));
    return outcomes.filter((outcome) => breaks(outcome, rule)).length;
  };
  const before = await repeat(script, REPEATS);
  const surely = before === REPEATS;
  const times = surely
    ? 1
    : Math.min(
        MOST_REPEATS,
        Math.ceil(Math.log(MISSED) / Math.log(1 - Math.max(before, 1) / (REPEATS + 1))),
      );
  const attempt: Try = async (candidates) => {
    const hits = await Promise.all(candidates.map((each) => repeat(each, times)));
    return hits.findIndex((each) => each > 0);
  };
  const small =
    before === 0
      ? { script, tried: 0, exhausted: false }
      : await minimise(script, proof, attempt, surely ? ALONE : RACING);
  const rate = { hits: await repeat(small.script, REPEATS), runs: REPEATS };
  const outcome = await confirm(small.script, rule, times * 3, (each) => run(each, scene));
  return { ...small, rate, outcome };
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
