import { type Check, check } from '#conformance/harness/check.js';
import { namespace } from './campaign.js';
import { violation } from './checks.js';
import { converse, type Outcome } from './converse.js';
import type { Failed } from './failures.js';
import { type Judgement, judge } from './judge/judge.js';
import { breaks } from './reproduce.js';
import { scenes } from './scenes.js';
import { type Told, tell } from './telling.js';
import { announcedBy } from './trace.js';

const RUNS = 10;

/**
 * The check that holds a failed conversation again, ten times: it passes when none of them breaks the rule.
 *
 * @param command what its report tells to run it once more
 */
export function replay({ rule, script }: Failed, command: string, runs = RUNS): Check {
  return check(
    rule,
    async (stage) => {
      const announced = announcedBy(stage.welcome);
      const { scene } = scenes(stage, announced);
      const all = Array.from({ length: runs }, () =>
        converse(script, scene.network, announced, namespace(scene.nonce)),
      );
      const outcomes: Outcome[] = await Promise.all(all);
      const broken = outcomes.filter((each) => breaks(each, rule));
      const [first] = broken;
      if (first) {
        const told = tell(first, rule, script, { hits: broken.length, runs });
        throw violation({ ...told, replay: command });
      }
      const undecided = outcomes.find((each) => each.inconclusive);
      if (undecided)
        stage.inconclusive(`the machine or the target was too busy: ${undecided.inconclusive}`);
      stage.note(`${runs} repetitions, and none of them breaks the rule`);
    },
    { variant: 'replay' },
  );
}

/** A stored failure, judged again. */
export interface Rechecked {
  judgement: Judgement;
  /** What today's judge says of the rule that the stored trace broke. */
  told: Told;
  /** Whether it breaks that rule still. */
  broken: boolean;
}

/** Judges the trace of a stored failure again, without any server. */
export function recheck({ rule, script, trace, reproduction }: Failed): Rechecked {
  const outcome = { trace, judgement: judge(trace), inconclusive: undefined };
  return {
    judgement: outcome.judgement,
    told: tell(outcome, rule, script, reproduction),
    broken: breaks(outcome, rule),
  };
}
