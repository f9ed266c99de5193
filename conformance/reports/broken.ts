import type { Failure } from '#conformance/harness/events.js';
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
export interface Broken {
  /** The check that found it; a rule that frames broke has the check that received the first of them. */
  check: string;
  rule: string;
  level: Rule['level'];
  chapter: string;
  text: string;
  grade: 'fail' | 'warning' | 'known';
  /** A frame that any check received, rather than what the check looked for. */
  by_frame: boolean;
  known?: { reason: string; expires?: string };
  failure: Failure;
  /** Other broken checks that this one explains. */
  follows: Broken[];
}

/** The broken rules of a run, root causes only: failures, warnings, known failures; what explains most comes first. */
export function brokenRules(report: Report, book: RuleBook): Broken[] {
  const all = [
    ...report.findings.map((fault) => fromFrame(fault, book)),
    ...report.checks.flatMap(fromCheck),
  ];
  const byCheck = new Map(
    all.filter(({ by_frame }) => !by_frame).map((each) => [each.check, each]),
  );
  const roots = all.filter((each) => {
    const root = rootOf(each, byCheck);
    if (root === each) return true;
    root.follows.push(each);
    return false;
  });
  const order = { fail: 0, warning: 1, known: 2 };
  return roots.sort(
    (a, b) =>
      order[a.grade] - order[b.grade] ||
      Number(a.by_frame) - Number(b.by_frame) ||
      b.follows.length - a.follows.length,
  );
}

/** Checks that came to no verdict, each with its reason. */
export function undecided(report: Report): CheckResult[] {
  return report.checks.filter(({ verdict }) => verdict === 'inconclusive' || verdict === 'vacuous');
}

/** Failures that count: failed checks, and required rules that frames broke. */
export function failures(report: Report, book: RuleBook): Broken[] {
  return brokenRules(report, book)
    .flatMap((root) => [root, ...root.follows])
    .filter(({ grade }) => grade === 'fail');
}

function fromCheck(result: CheckResult): Broken[] {
  const { check, rule, level, chapter, text, verdict, failure, known } = result;
  if (!failure || (verdict !== 'fail' && verdict !== 'warning')) return [];
  const grade: Broken['grade'] = known ? 'known' : verdict;
  const base: Broken = {
    check,
    rule,
    level,
    chapter,
    text,
    grade,
    by_frame: false,
    failure,
    follows: [],
  };
  return [known ? { ...base, known } : base];
}

function fromFrame({ check, rule, failure }: Report['findings'][number], book: RuleBook): Broken {
  const stated = book.rules[rule] ?? { level: 'must', text: '', chapter: rule.split('-')[0] ?? '' };
  const { level, text, chapter } = stated;
  const grade = level === 'must' ? 'fail' : 'warning';
  return { check, rule, level, chapter, text, grade, by_frame: true, failure, follows: [] };
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
