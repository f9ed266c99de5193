import type { CheckEnd, Totals, Verdict } from '#conformance/harness/events.js';
import type { Report } from './report.js';
import { count } from './text.js';

/** A verdict, with the failures that were known before told apart. */
export type Outcome = keyof Totals;

/** Every outcome from worst to best, with its word. */
export const outcomes: Readonly<Record<Outcome, string>> = {
  fail: 'failed',
  known: 'known failure',
  inconclusive: 'inconclusive',
  vacuous: 'vacuous',
  warning: 'warning',
  pass: 'passed',
  not_exercised: 'not exercised',
  excluded: 'excluded',
};

const NOUNS: ReadonlySet<Outcome> = new Set(['known', 'warning']);

/** What a check came to. */
export function outcomeOf({
  verdict,
  known,
}: {
  verdict: Verdict;
  known?: CheckEnd['known'];
}): Outcome {
  return (verdict === 'fail' || verdict === 'warning') && known ? 'known' : verdict;
}

/** `3 passed`, `1 warning`, `2 warnings`. */
export function counted(outcome: Outcome, number: number): string {
  return NOUNS.has(outcome) ? count(number, outcomes[outcome]) : `${number} ${outcomes[outcome]}`;
}

/** The worst of several outcomes: what a rule with several checks came to. */
export function worst(found: readonly Outcome[]): Outcome {
  const order = Object.keys(outcomes) as Outcome[];
  return order.find((each) => found.includes(each)) ?? 'not_exercised';
}

// What a rule came to, in a word.
const RULE_WORDS: Readonly<Record<Outcome, string>> = {
  ...outcomes,
  fail: 'broken',
  known: 'known to be broken',
  warning: 'with a warning',
  pass: 'kept',
};

/** What the rules came to: `40 rules: 3 broken, 37 kept`. A rule is as good as the worst of its checks. */
export function rulesTold({
  checks,
  not_exercised,
}: Pick<Report, 'checks' | 'not_exercised'>): string {
  const found = new Map<string, Outcome[]>();
  for (const each of checks)
    found.set(each.rule, [...(found.get(each.rule) ?? []), outcomeOf(each)]);
  for (const { rule } of not_exercised) if (!found.has(rule)) found.set(rule, ['not_exercised']);
  const rules = [...found.values()].map(worst);
  const said = (Object.keys(outcomes) as Outcome[]).flatMap((outcome) => {
    const number = rules.filter((each) => each === outcome).length;
    return number > 0 ? [`${number} ${RULE_WORDS[outcome]}`] : [];
  });
  return `${count(rules.length, 'rule')}: ${said.join(', ')}`;
}
