import type { Failure } from '#conformance/harness/events.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { readable } from './readable.js';
import type { CheckResult, Report } from './report.js';

/** A requirement as `spec/requirements.json` has it. */
export interface Rule {
  level: 'must' | 'should' | 'may';
  text: string;
  chapter: string;
  profile: string;
}

/** What reports know of the spec: its rules, where each is to be read, and why it is there. */
export interface RuleBook {
  rules: Readonly<Record<string, Rule>>;
  link(rule: string): string;
  /** The rationale that follows the sentence, as Markdown. */
  why(rule: string): string | undefined;
}

/** A broken rule and what follows from it. */
export interface Broken extends Pick<CheckResult, 'check' | 'rule' | 'level' | 'text' | 'known'> {
  grade: Extract<Outcome, 'fail' | 'warning' | 'known'>;
  failure: Failure;
  /** Another check, whose frames broke the rule first. */
  seen_in: { check: string; actual: string } | undefined;
  /** Other broken checks that this one explains. */
  follows: Broken[];
}

const ORDER = { fail: 0, warning: 1, known: 2 };

/**
 * The broken rules of a run, root causes only: failures, warnings, known failures.
 * What explains most comes first, then what has a known cure, then the order of the spec.
 */
export function brokenRules(report: Report, { rules }: Pick<RuleBook, 'rules'>): Broken[] {
  const all = report.checks.flatMap((result) => broken(result, report));
  const byCheck = new Map(all.map((each) => [each.check, each]));
  const roots = all.filter((each) => {
    const root = rootOf(each, byCheck);
    if (root === each) return true;
    root.follows.push(each);
    return false;
  });
  const places = new Map(Object.keys(rules).map((rule, index) => [rule, index]));
  const place = ({ rule }: Broken) => places.get(rule) ?? places.size;
  const cured = ({ failure }: Broken) => (failure.hint === undefined ? 1 : 0);
  return roots.sort(
    (a, b) =>
      ORDER[a.grade] - ORDER[b.grade] ||
      b.follows.length - a.follows.length ||
      cured(a) - cured(b) ||
      place(a) - place(b) ||
      a.check.localeCompare(b.check),
  );
}

/**
 * The most telling of broken rules, in their order: the first of every chapter, then the second, and further checks of
 * a rule after all rules. One fault seldom stays in its chapter, and a chapter seldom has but one.
 */
export function telling(all: readonly Broken[], most: number): Broken[] {
  const turns = new Map<string, number>();
  const rules = new Set<string>();
  const ranked = all.map((each) => {
    const chapter = each.rule.split('-')[0] ?? '';
    const again = rules.has(each.rule);
    rules.add(each.rule);
    const turn = turns.get(chapter) ?? 0;
    if (!again) turns.set(chapter, turn + 1);
    return { each, grade: ORDER[each.grade], turn: again ? Number.POSITIVE_INFINITY : turn };
  });
  const first = ranked
    .sort((a, b) => a.grade - b.grade || (a.turn === b.turn ? 0 : a.turn - b.turn))
    .slice(0, most);
  const chosen = new Set(first.map(({ each }) => each));
  return all.filter((each) => chosen.has(each));
}

/** What surely follows from a broken rule, and what probably does. */
export function followers({ follows }: Broken): { surely: Broken[]; probably: Broken[] } {
  const isProbable = ({ failure }: Broken) => failure.because !== undefined;
  return {
    surely: follows.filter((each) => !isProbable(each)),
    probably: follows.filter(isProbable),
  };
}

/** Checks that came to no verdict, each with its reason. */
export function undecided(report: Report): CheckResult[] {
  return report.checks.filter(({ verdict }) => verdict === 'inconclusive' || verdict === 'vacuous');
}

function broken(result: CheckResult, { findings }: Report): Broken[] {
  const { check, rule, level, text, failure, known } = result;
  const grade = outcomeOf(result);
  if (!failure || (grade !== 'fail' && grade !== 'warning' && grade !== 'known')) return [];
  const found = findings.find((each) => each.rule === rule && each.check !== check);
  const seen_in = found && { check: found.check, actual: found.failure.actual };
  const base: Broken = {
    check,
    rule,
    level,
    text,
    grade,
    failure: readable(failure),
    seen_in,
    follows: [],
  };
  return [known ? { ...base, known } : base];
}

// The chain of causes, followed to its end; a chain that bites its tail has no end and is cut.
function rootOf(start: Broken, byCheck: ReadonlyMap<string, Broken>): Broken {
  let root = start;
  const seen = new Set([start]);
  for (;;) {
    const cause = root.failure.caused_by;
    const next = cause === undefined ? undefined : byCheck.get(cause);
    if (!next) return root;
    if (seen.has(next)) return start;
    seen.add(next);
    root = next;
  }
}
