import { type Check, check } from '#conformance/harness/check.js';
import { namespace } from './campaign.js';
import { violation } from './checks.js';
import { converse, type Outcome } from './converse.js';
import { type Failed, loadFailure } from './failures.js';
import { type Judgement, judge } from './judge/judge.js';
import { isJudged } from './judged.js';
import { breaks } from './reproduce.js';
import { scenes } from './scenes.js';
import { tell } from './telling.js';
import { announcedBy } from './trace.js';

const RUNS = 10;

/** The check that holds a failed conversation again, ten times: it passes when none of them breaks the rule. */
export function replay({ rule, script }: Failed, runs = RUNS): Check {
  if (!isJudged(rule)) throw new Error(`conversations are not judged by a rule '${rule}'`);
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
      if (first) throw violation(tell(first, rule, script, { hits: broken.length, runs }));
      const undecided = outcomes.find((each) => each.inconclusive);
      if (undecided)
        stage.inconclusive(`the machine or the target was too busy: ${undecided.inconclusive}`);
      stage.note(`${runs} repetitions, and none of them breaks the rule`);
    },
    { variant: 'replay' },
  );
}

/** A stored failure, judged again. */
export interface Rechecked extends Judgement {
  failed: Failed;
  /** Whether the stored trace breaks its rule by today's judge. */
  broken: boolean;
}

/** Judges the trace of a stored failure again, without any server. @throws Error when the file cannot be read */
export function recheck(pathOrId: string, folder?: string): Rechecked {
  const failed = loadFailure(pathOrId, folder);
  const judgement = judge(failed.trace);
  const all = [...judgement.causes, ...judgement.consequences];
  return { ...judgement, failed, broken: all.some((each) => each.rule === failed.rule) };
}
