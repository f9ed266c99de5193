import {
  type Broken,
  brokenRules,
  followers,
  type RuleBook,
  telling,
  undecided,
} from './broken.js';
import { frameLines } from './explain.js';
import { type Outcome, outcomes, rulesTold } from './outcome.js';
import type { Report } from './report.js';
import { scriptLines } from './script.js';
import { count, duration, shorten, visible } from './text.js';

// A CI's job page takes about a megabyte; what is beyond this stays in the other reports.
const MOST_FAILURES = 30;
const LONGEST = 1_500;
const BRIEF = 300;
const MARKS: Readonly<Record<Outcome, string>> = {
  fail: '❌',
  known: '🟠',
  inconclusive: '❔',
  vacuous: '❔',
  warning: '⚠️',
  pass: '✅',
  not_exercised: '➖',
  excluded: '➖',
};

/** A summary for a CI's job page, in GitHub's Markdown. */
export function markdown(report: Report, book: RuleBook): string {
  const broken = brokenRules(report, book);
  const shown = telling(broken, MOST_FAILURES);
  return `${[
    `## ${report.exit_code === 0 ? '✅' : '❌'} ${plain(report.summary)}`,
    '',
    `Parlor v1 conformance of ${code(target(report))}, ${duration(report.duration_ms)}, ${rulesTold(report)}; parlor ${report.parlor_version}, seed ${report.seed}`,
    '',
    ...totals(report),
    '',
    ...shown.flatMap((each) => failure(each, book)),
    ...(broken.length > shown.length
      ? [`${broken.length - shown.length} more in the JSON and HTML reports.`, '']
      : []),
    ...openQuestions(report),
    ...exercised(report),
  ].join('\n')}\n`;
}

function totals({ totals: found }: Report): string[] {
  const shown = (Object.keys(outcomes) as Outcome[]).filter((each) => found[each] > 0);
  if (shown.length === 0) return ['No check ran.'];
  return [
    'Checks, of which a rule may have several:',
    '',
    `| ${shown.map((each) => `${MARKS[each]} ${outcomes[each]}`).join(' | ')} |`,
    `|${shown.map(() => '---:').join('|')}|`,
    `| ${shown.map((each) => found[each]).join(' | ')} |`,
  ];
}

function failure(broken: Broken, book: RuleBook): string[] {
  const { failure: found, rule, text, level, grade, check } = broken;
  const { surely, probably } = followers(broken);
  const heading = `${MARKS[grade]} ${plain(check)}`;
  return [
    `### ${heading}`,
    '',
    ...(text === ''
      ? []
      : [`> ${plain(text)} (${level}, [${plain(rule)}](${book.link(rule)}))`, '']),
    ...(broken.known ? [`- Known: ${plain(broken.known.reason)}`] : []),
    ...found.expected.map((each) => `- Expected: ${plain(each)}`),
    `- Happened: **${plain(found.actual)}**`,
    ...(found.hint === undefined ? [] : [`- Hint: ${plain(found.hint)}`]),
    ...(surely.length === 0
      ? []
      : [`- Follows from it: ${surely.map((each) => code(each.check)).join(', ')}`]),
    ...(found.replay === undefined ? [] : [`- Again: ${code(found.replay)}`]),
    '',
    ...likely(probably),
    ...frames(broken),
    ...script(broken),
  ];
}

function likely(probably: readonly Broken[]): string[] {
  if (probably.length === 0) return [];
  return [
    `<details><summary>${count(probably.length, 'other failure')} probably ${probably.length === 1 ? 'follows' : 'follow'} from this</summary>`,
    '',
    ...probably.map(
      ({ check, failure: { actual } }) => `- ${code(check)}: ${plain(shorten(actual, BRIEF))}`,
    ),
    '',
    '</details>',
    '',
  ];
}

function frames({ failure: found }: Broken): string[] {
  if (found.timeline.length === 0) return [];
  const title = count(found.timeline.length, 'frame');
  return [
    `<details><summary>${title}</summary>`,
    '',
    ...fenced(frameLines(found)),
    '',
    '</details>',
    '',
  ];
}

function script({ failure: { script: found, reproduction } }: Broken): string[] {
  if (found === undefined) return [];
  const hits = reproduction
    ? `, fails in ${reproduction.hits} of ${count(reproduction.runs, 'run')}`
    : '';
  return [
    `<details><summary>Smallest script${hits}</summary>`,
    '',
    ...fenced(scriptLines(found).map(visible)),
    '',
    '</details>',
    '',
  ];
}

function openQuestions(report: Report): string[] {
  const rows = [
    ...undecided(report).map(({ check, verdict, reason = '' }) => [
      check,
      outcomes[verdict as Outcome],
      reason,
    ]),
    ...report.checks
      .filter(({ verdict }) => verdict === 'not_exercised')
      .map(({ check, reason = '' }) => [check, outcomes.not_exercised, reason]),
    ...report.not_exercised.map(({ rule, reason }) => [rule, outcomes.not_exercised, reason]),
  ];
  if (rows.length === 0) return [];
  return [
    `<details><summary>${count(rows.length, 'rule')} without a verdict</summary>`,
    '',
    '| rule | verdict | reason |',
    '|---|---|---|',
    ...rows.map((cells) => `| ${cells.map((cell) => plain(cell)).join(' | ')} |`),
    '',
    '</details>',
    '',
  ];
}

function exercised({ coverage = [] }: Report): string[] {
  if (coverage.length === 0) return [];
  return [
    '<details><summary>What generated conversations exercised</summary>',
    '',
    ...coverage.flatMap(({ title, rows }) => [
      `| ${plain(title)} | times |`,
      '|---|---:|',
      ...rows.map(({ what, times }) => `| ${plain(what)} | ${times} |`),
      '',
    ]),
    '</details>',
    '',
  ];
}

function target({ target: { command, urls } }: Report): string {
  return command ?? urls.join(' ');
}

// Longer than any run of backticks inside, so that nothing can end the block.
function fenced(lines: readonly string[]): string[] {
  const longest = Math.max(
    2,
    ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)),
  );
  const fence = '`'.repeat(longest + 1);
  return [`${fence}text`, ...lines, fence];
}

function code(text: string): string {
  const line = visible(shorten(text, LONGEST)).replaceAll('|', '\\|');
  const fence = '`'.repeat(1 + Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length)));
  return fence === '`' ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

// Spec sentences bring their own code spans; everything that could open markup besides is escaped.
// Runs of backticks pair by their length, so a text that has any brings no code spans at all.
function plain(text: string): string {
  const line = visible(shorten(text, LONGEST));
  return (line.includes('``') ? [line] : line.split(/(`[^`]+`)/))
    .map((part, index) =>
      index % 2 === 1
        ? part.replaceAll('|', '\\|')
        : part.replace(/[\\*_#[\]<>|~!@&`]/g, escapeChar),
    )
    .join('');
}

function escapeChar(char: string): string {
  const entities: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '@': '&#64;' };
  return entities[char] ?? `\\${char}`;
}
