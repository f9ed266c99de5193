import { type Broken, brokenRules, type RuleBook } from './broken.js';
import type { Report } from './report.js';
import { shorten, visible } from './text.js';

// GitHub shows ten of a kind and step.
const MOST = 10;
const LONGEST = 1_000;
const COMMANDS = { fail: 'error', warning: 'warning', known: 'notice' } as const;

/** Workflow commands by which GitHub shows root causes beside the code: one line each, the gravest first. */
export function annotations(report: Report, book: RuleBook): string {
  const broken = brokenRules(report, book);
  const first = broken.slice(0, MOST);
  const lines = first.map((each) =>
    command(COMMANDS[each.grade], `${each.check} (${each.level})`, said(each)),
  );
  const more = broken.length - first.length;
  if (more > 0) lines.push(command('notice', 'parlor', `${more} more, in the reports`));
  const red = report.exit_code !== 0 && !broken.some(({ grade }) => grade === 'fail');
  if (red) lines.unshift(command('error', 'parlor', report.summary));
  return lines.map((line) => `${line}\n`).join('');
}

function said({ failure: { expected, actual, hint, replay }, text }: Broken): string {
  return [
    text,
    `expected: ${expected.join('; or ')}`,
    `happened: ${actual}`,
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ...(replay === undefined ? [] : [`again: ${replay}`]),
  ].join('\n');
}

function command(name: string, title: string, message: string): string {
  const lines = shorten(message, LONGEST).split('\n').map(visible).join('\n');
  return `::${name} title=${escaped(visible(title)).replaceAll(':', '%3A').replaceAll(',', '%2C')}::${escaped(lines)}`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
