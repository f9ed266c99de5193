import { type Broken, brokenRules, type RuleBook, telling, undecided } from '../broken.js';
import { counted, type Outcome, rulesTold } from '../outcome.js';
import type { CheckResult, Report } from '../report.js';
import { count, duration, pad, shorten, visible, visibleLines, wrap } from '../text.js';
import { failure, failuresInBrief } from './failure.js';
import type { Style } from './style.js';

const SLOWEST = 10;
const LONGEST = 800;
// Each server that is started gets a port of its own, which says nothing to anybody.
const PORT = /:\d{4,5}\b/g;
const UNANNOUNCED = / is not announced$/;
// More than this nobody reads in a terminal.
const IN_FULL = 12;

/** What is shown on demand. */
export interface Shown {
  /** Where the time went. */
  profile?: boolean;
  /** What generated conversations exercised. */
  coverage?: boolean;
}

/** All that follows the progress: failures first, then what stayed undecided, totals last. */
export function closing(report: Report, style: Style, shown: Shown): string[] {
  const { colors, width } = style;
  const verdict = report.exit_code === 0 ? colors.green : colors.red;
  return [
    '',
    ...broken(report, style),
    ...reasons('undecided', undecided(report), style),
    ...reasons('not exercised', notExercised(report), style),
    ...(shown.coverage ? exercised(report, style) : []),
    ...(shown.profile ? whereTheTimeWent(report, style) : []),
    ...wrap(visible(report.summary), width).map((line) => verdict(colors.bold(line))),
    ...apart(report, style),
    totalsLine(report),
  ];
}

/** The plain line that any CI can read; what was not decided is in none of its numbers. */
function totalsLine({ totals }: Report): string {
  return `${totals.pass} passed, ${totals.fail} failed, ${totals.not_exercised} skipped`;
}

function broken(report: Report, style: Style): string[] {
  const all = brokenRules(report, style.book);
  const first = telling(all, IN_FULL);
  const rest = all.filter((each) => !first.includes(each));
  const note = `${rest.length} more in brief; the HTML and JSON reports have them in full, as has --only <id>`;
  return [
    ...first.flatMap((each) => failure(each, style)),
    ...(rest.length === 0 ? [] : wrap(note, style.width).map((line) => style.colors.bold(line))),
    ...alike(rest).flatMap((each) => failuresInBrief(each, style)),
    ...(rest.length === 0 ? [] : ['']),
  ];
}

// Checks of one rule that say the same are said once.
function alike(rest: readonly Broken[]): Broken[][] {
  const groups = new Map<string, Broken[]>();
  for (const each of rest) {
    const { rule, grade, failure } = each;
    const key = JSON.stringify([rule, grade, failure.actual, failure.expected]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

const APART: readonly Outcome[] = ['warning', 'inconclusive', 'vacuous', 'known', 'excluded'];

// A rule is kept when all of its checks pass: rules are counted apart from the checks of the last line.
function apart(report: Report, { colors, width, book }: Style): string[] {
  const { totals, duration_ms } = report;
  const checks = APART.filter((each) => totals[each] > 0).map((each) =>
    counted(each, totals[each]),
  );
  return [
    `in ${duration(duration_ms)}, of ${rulesTold(report)}`,
    ...causes(report, book),
    ...(checks.length === 0 ? [] : [`among the checks: ${checks.join(', ')}`]),
  ]
    .flatMap((line) => wrap(line, width))
    .map((line) => colors.dim(line));
}

// How many of the failures somebody has to look into, as far as the suite can tell.
function causes(report: Report, book: RuleBook): string[] {
  const isFailure = ({ grade }: Broken) => grade === 'fail';
  const failed = brokenRules(report, book).filter(isFailure);
  const follow = failed.flatMap(({ follows }) => follows.filter(isFailure)).length;
  return follow === 0
    ? []
    : [
        `${count(failed.length, 'cause')} for ${count(failed.length + follow, 'failure')}, as far as can be told`,
      ];
}

interface Reason {
  name: string;
  reason: string;
}

function notExercised(report: Report): Reason[] {
  const ran = report.checks.filter(({ verdict }) => verdict === 'not_exercised');
  const seen = new Set(ran.map(({ rule }) => rule));
  const never = report.not_exercised.filter(({ rule }) => !seen.has(rule));
  return [
    ...ran.map(({ check, reason = 'no reason given' }) => ({ name: check, reason })),
    ...never.map(({ rule, reason }) => ({ name: rule, reason })),
  ];
}

// One reason often covers many rules, so it is said once with their names behind it.
function reasons(title: string, found: readonly (Reason | CheckResult)[], style: Style): string[] {
  const grouped = new Map<string, { reason: string; names: string[] }>();
  for (const each of found) {
    const name = 'name' in each ? each.name : `${each.check} (${each.verdict})`;
    const reason = each.reason ?? 'no reason given';
    const alike = reason.replace(PORT, ':…');
    const group = grouped.get(alike) ?? { reason, names: [] };
    group.names.push(name);
    grouped.set(alike, group);
  }
  if (grouped.size === 0) return [];
  const lines = [...grouped.values()].flatMap(({ reason, names }) => [
    ...wrap(visibleLines(shorten(reason, LONGEST)), style.width - 2).map((line) => `  ${line}`),
    // Who does not announce a profile knows what that leaves out.
    ...wrap(
      UNANNOUNCED.test(reason) ? count(names.length, 'check') : visible(names.join(', ')),
      style.width - 4,
    ).map((line) => `    ${style.colors.dim(line)}`),
  ]);
  return [style.colors.bold(`${title[0]?.toUpperCase()}${title.slice(1)}`), ...lines, ''];
}

function exercised({ coverage = [] }: Report, { colors, width }: Style): string[] {
  return coverage.flatMap(({ title, rows }) => [
    colors.bold(title),
    ...rows.map(
      ({ what, times }) => `  ${pad(visible(what), width - 14)} ${String(times).padStart(8)}`,
    ),
    '',
  ]);
}

function whereTheTimeWent(report: Report, { colors, width }: Style): string[] {
  const slowest = [...report.checks]
    .sort((a, b) => b.duration_ms - a.duration_ms)
    .slice(0, SLOWEST);
  const sum = report.checks.reduce((total, each) => total + each.duration_ms, 0);
  const byChapter = new Map<string, { sum: number; checks: number }>();
  for (const { chapter, duration_ms } of report.checks) {
    const entry = byChapter.get(chapter) ?? { sum: 0, checks: 0 };
    byChapter.set(chapter, { sum: entry.sum + duration_ms, checks: entry.checks + 1 });
  }
  const row = (name: string, ms: number, note: string) =>
    `  ${pad(name, width - 36)} ${duration(ms).padStart(10)}  ${note}`.trimEnd();
  const chapters = [...byChapter].sort(([, a], [, b]) => b.sum - a.sum);
  return [
    colors.bold('Where the time went'),
    ...chapters.map(([name, { sum: ms, checks }]) => row(name, ms, count(checks, 'check'))),
    colors.dim(`  the slowest ${slowest.length} checks`),
    ...slowest.map(({ check, duration_ms, attempts }) =>
      row(check, duration_ms, attempts > 1 ? `${attempts} attempts` : ''),
    ),
    `  ${duration(sum)} of checks in ${duration(report.duration_ms)}: they overlap`,
    '',
  ];
}
