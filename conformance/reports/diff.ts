import { type Outcome, outcomeOf, outcomes } from './outcome.js';
import type { Report } from './report.js';

/** One check that came to something else in the second report; undefined: it was not in that report. */
export interface Change {
  check: string;
  before: Outcome | undefined;
  after: Outcome | undefined;
}

/** What changed between two runs, what got worse first. */
export interface Difference {
  worse: Change[];
  better: Change[];
  other: Change[];
}

const RANK: Readonly<Record<Outcome, number>> = {
  pass: 0,
  warning: 1,
  known: 2,
  vacuous: 3,
  inconclusive: 3,
  fail: 4,
  not_exercised: -1,
  excluded: -1,
};

/** Compares two reports check by check; a check that is new or gone is better or worse only where it fails. */
export function diff(before: Report, after: Report): Difference {
  const [first, second] = [outcomesOf(before), outcomesOf(after)];
  const changes = [...new Set([...first.keys(), ...second.keys()])]
    .map((check) => ({ check, before: first.get(check), after: second.get(check) }))
    .filter((change) => change.before !== change.after);
  const found: Difference = { worse: [], better: [], other: [] };
  for (const change of changes) found[kindOf(change)].push(change);
  return found;
}

/** `passed → failed`. */
export function changeText({ before, after }: Change): string {
  const word = (outcome: Outcome | undefined) =>
    outcome === undefined ? 'absent' : outcomes[outcome];
  return `${word(before)} → ${word(after)}`;
}

function kindOf({ before, after }: Change): keyof Difference {
  const was = before === undefined ? -1 : RANK[before];
  const is = after === undefined ? -1 : RANK[after];
  if (is < 0) return was === 0 ? 'worse' : 'other';
  if (was < 0) return is === 0 ? 'better' : is >= RANK.vacuous ? 'worse' : 'other';
  return is > was ? 'worse' : is < was ? 'better' : 'other';
}

function outcomesOf(report: Report): Map<string, Outcome> {
  const found = new Map<string, Outcome>(
    report.checks.map((each) => [each.check, outcomeOf(each)]),
  );
  for (const { rule } of report.not_exercised)
    if (!found.has(rule)) found.set(rule, 'not_exercised');
  return found;
}
