import { type Check, check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Inconclusive, NotExercised, Vacuous, Violation } from '#conformance/harness/verdict.js';
import { type JudgedRule, judged, situations } from './judged.js';
import { type Observation, type ObserveOptions, observe, timeOf } from './observe.js';
import { cramped, scarcity, unreachable } from './reach.js';
import type { Told } from './telling.js';
import { announcedBy } from './trace.js';

/** Longer than any observation lasts: whoever waits for one must not be given up on. */
const PATIENCE_MS = 3_600_000;
/** As long as other checks may take, in milliseconds; what is held for longer says so. */
const USUAL_MS = 30_000;
const VARIANT = 'conversations';

/** The checks that judge by generated conversations: one for each rule that these can be seen to break. */
export function conversations(options: ObserveOptions = {}): Check[] {
  const held = timeOf(options);
  return (Object.keys(judged) as JudgedRule[]).map((rule) =>
    check(
      rule,
      async (stage) => {
        const narrow = cramped(announcedBy(stage.welcome));
        if (narrow !== undefined) stage.notExercised(narrow);
        // A conversation is judged by what was said in it, not by when.
        const shared = stage.once(VARIANT, () => observe(stage, options), { steady: true });
        const waiting = { expected: 'the conversations end', actual: 'they did not' };
        decide(rule, await stage.within(shared, waiting, PATIENCE_MS), stage);
      },
      { variant: VARIANT, ...(held > USUAL_MS && { takes: () => held }) },
    ),
  );
}

function decide(rule: JudgedRule, observation: Observation, stage: Stage): void {
  const failure = observation.failures.get(rule);
  if (failure) throw violation(failure);
  const reason = unreachable(rule, observation.announced);
  if (reason !== undefined) throw new NotExercised(reason);
  const { floor } = judged[rule];
  const seen = situations(observation.coverage.rules, rule);
  const { conversations: count } = observation.coverage;
  stage.note(`${count} conversations, ${seen} situations`);
  if (seen >= floor) return;
  const told = `in ${count} conversations its situation came about ${seen} times of at least ${floor}`;
  if (observation.inconclusive > count / 2)
    throw new Inconclusive(`the machine or the target was too busy: ${told}`);
  const scarce = scarcity(observation.announced);
  if (scarce !== undefined) throw new NotExercised(`${told}; ${scarce}`);
  throw new Vacuous(told);
}

/** A failure as the harness takes it. */
export function violation({ expected, actual, hint, ...detail }: Told): Violation {
  const told = new Violation({ expected, actual, hint });
  told.detail = detail;
  return told;
}
