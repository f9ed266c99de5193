import type { Failure } from '#conformance/harness/events.js';
import { messageOf } from '#conformance/harness/verdict.js';
import type { Finding } from './campaign.js';
import type { Outcome } from './converse.js';
import { failureId, saveFailure } from './failures.js';
import type { Violation } from './judge/findings.js';
import type { JudgedRule } from './judged.js';
import type { Rate, Reproduced } from './reproduce.js';
import type { Script } from './script.js';
import { timeline } from './timeline.js';
import type { Trace } from './trace.js';

/** A failure as reports show it, without its rule. */
export type Told = Omit<Failure, 'rule'>;

/** The operations of the script that a violation rests on. */
export function operationsOf({ entries }: Trace, violation: Violation): number[] {
  return violation.entries.flatMap((n) => {
    const entry = entries[n];
    return entry?.kind === 'send' && entry.operation !== undefined ? [entry.operation] : [];
  });
}

/** What one run says of a rule that it broke. */
export function tell(outcome: Outcome, rule: JudgedRule, script: Script, reproduction: Rate): Told {
  const { trace, judgement } = outcome;
  const all = [...judgement.causes, ...judgement.consequences];
  const found = all.find((each) => each.rule === rule);
  const plain = (text: string) => text.replaceAll(`.${trace.namespace}`, '');
  return {
    expected: [plain(found?.expected ?? '')],
    actual: plain(found?.actual ?? ''),
    timeline: timeline(trace, found?.entries),
    script,
    reproduction,
  };
}

/** What is reported of a finding, made small as far as it went, and kept in a folder where one is given. */
export function tellFinding(
  finding: Finding,
  rule: JudgedRule,
  small: Reproduced | undefined,
  folder: string | undefined,
): Told {
  const shown = small?.outcome ?? finding;
  const script = small?.outcome ? small.script : finding.script;
  const rate = small?.rate ?? { hits: 1, runs: 1 };
  const told = { ...tell(shown, rule, script, rate), ...hint(small) };
  if (folder === undefined) return told;
  const id = failureId(rule, script);
  const { causes, consequences } = shown.judgement;
  try {
    saveFailure(folder, {
      schema: 1,
      id,
      rule,
      script,
      reproduction: rate,
      exhausted: small?.exhausted ?? true,
      trace: shown.trace,
      causes,
      consequences,
    });
  } catch (error) {
    // What was found counts more than whether it can be kept.
    const unkept = `It could not be kept for \`parlor replay\`: ${messageOf(error)}.`;
    return { ...told, hint: [told.hint, unkept].filter(Boolean).join(' ') };
  }
  return { ...told, replay: `npx parlor replay ${id}` };
}

function hint(small: Reproduced | undefined): { hint?: string } {
  if (!small) return { hint: 'There was no time left to look for a smaller conversation.' };
  const { hits, runs } = small.rate;
  const sentences = [
    small.outcome || hits > 0
      ? ''
      : 'It did not happen again: the conversation is shown as it was.',
    !small.outcome && hits > 0 ? 'The conversation is shown as it was.' : '',
    small.outcome && hits < runs
      ? `It is a matter of timing: ${hits} of ${runs} repetitions failed.`
      : '',
    small.exhausted ? 'The search for a smaller conversation ended with its budget.' : '',
  ].filter(Boolean);
  return sentences.length > 0 ? { hint: sentences.join(' ') } : {};
}
