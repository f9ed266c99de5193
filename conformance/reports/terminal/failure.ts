import { type Broken, followers } from '../broken.js';
import { isReduced, scriptLines } from '../script.js';
import { clip, count, pad, shorten, visible, visibleLines, wrap } from '../text.js';
import type { Style } from './style.js';
import { timeline } from './timeline.js';

const LABEL = 12;
const LONGEST = 1_200;
// More lines than this of what follows hide the next cause.
const MOST_FOLLOW = 20;
const SHORTEST = 12;
const SCRIPT_LINES = 40;
const TITLES = { fail: 'FAIL', warning: 'WARN', known: 'KNOWN' };

/** One broken rule in full: sentence and link, what was acceptable, what happened, the cure, the frames, the way back. */
export function failure(broken: Broken, style: Style): string[] {
  const { colors, book, width } = style;
  const { failure: found, rule, check, level, text, grade, known } = broken;
  const paint = { fail: colors.red, warning: colors.yellow, known: colors.dim }[grade];
  return [
    `${paint(colors.bold(TITLES[grade]))} ${colors.bold(visible(check))} ${colors.dim(`· ${level}`)}`,
    '',
    ...(text === '' ? [] : wrap(visible(text), width - 2).map((line) => `  ${line}`)),
    `  ${colors.dim(book.link(rule))}`,
    '',
    ...(known ? field('known', since(known), style) : []),
    ...found.expected.flatMap((each, index) => field(index === 0 ? 'expected' : 'or', each, style)),
    ...field('happened', found.actual, style, colors.bold),
    ...(found.hint === undefined ? [] : field('hint', found.hint, style)),
    ...(broken.seen_in === undefined
      ? []
      : field(
          'seen',
          `first in a frame that ${broken.seen_in.check} received${saw(broken)}`,
          style,
        )),
    ...follows(broken, style),
    ...section(timeline(found, style, '  ')),
    ...script(broken, style),
    ...again(found.replay, style),
    ...mayFollow(broken, style),
    '',
  ];
}

// Unbroken, however long: a command that was wrapped cannot be copied.
function again(command: string | undefined, { colors }: Style): string[] {
  return command === undefined ? [] : ['', `  ${colors.dim('again')} ${visible(command)}`];
}

/** Checks of one rule that broke it alike, in a few lines, for the many that come after the first. */
export function failuresInBrief(all: readonly Broken[], style: Style): string[] {
  const [{ grade, check, rule, failure }] = all as [Broken];
  const others = all.slice(1).map((each) => each.check.slice(rule.length));
  const paint = { fail: style.colors.red, warning: style.colors.yellow, known: style.colors.dim }[
    grade
  ];
  const names = [check, ...others.map((each) => each || rule)].map(visible).join(', ');
  const [name = '', ...more] = wrap(names, style.width - 6);
  const { expected, actual } = failure;
  const said = `${clip(visible(actual), 2 * style.width)}`;
  const wanted = `expected: ${clip(visible(expected.join('; or ')), 2 * style.width)}`;
  return [
    `${paint(TITLES[grade])} ${style.colors.bold(name)}`,
    ...more.map((line) => `  ${style.colors.bold(line)}`),
    ...wrap(said, style.width - 2).map((line) => `  ${line}`),
    ...wrap(wanted, style.width - 2).map((line) => `  ${style.colors.dim(line)}`),
  ];
}

function field(
  label: string,
  text: string,
  { width, colors }: Style,
  paint = (line: string) => line,
): string[] {
  const lines = wrap(visibleLines(shorten(text, LONGEST)), width - LABEL - 2);
  return lines.map(
    (line, index) => `  ${colors.dim(pad(index === 0 ? label : '', LABEL - 2))}  ${paint(line)}`,
  );
}

// What was wrong with the frame, unless that is what happened to the rule's own check, too.
function saw({ seen_in, failure }: Broken): string {
  return seen_in === undefined || seen_in.actual === failure.actual ? '' : `: ${seen_in.actual}`;
}

function follows(broken: Broken, style: Style): string[] {
  const { surely } = followers(broken);
  if (surely.length === 0) return [];
  const names = surely.map(({ check }) => check);
  return field(
    'follows',
    `${count(surely.length, 'other check')} failed for this reason: ${names.join(', ')}`,
    style,
  );
}

// Each in a line, for it may be a fault of its own after all.
function mayFollow(broken: Broken, style: Style): string[] {
  const { probably } = followers(broken);
  if (probably.length === 0) return [];
  const rest = probably.length - MOST_FOLLOW;
  const others = count(probably.length, 'other failure');
  const title = `probably follows from it: ${others} where clients saw this rule broken`;
  return [
    '',
    ...wrap(title, style.width - 2).map((line) => `  ${style.colors.bold(line)}`),
    ...probably.slice(0, MOST_FOLLOW).map((each) => inBrief(each, style)),
    ...(rest > 0 ? [`    … ${rest} more; the HTML and JSON reports have all of them in full`] : []),
  ];
}

function inBrief({ check, failure: { actual } }: Broken, { width, colors }: Style): string {
  const name = clip(visible(check), width - 4);
  const said = clip(visible(actual), Math.max(width - name.length - 6, 0));
  return `    ${name}${said.length < SHORTEST ? '' : `  ${colors.dim(said)}`}`;
}

function script({ failure: { script: found, reproduction } }: Broken, style: Style): string[] {
  const hits =
    reproduction && `fails in ${reproduction.hits} of ${count(reproduction.runs, 'run')}`;
  if (found === undefined) return hits ? ['', ...field('repeated', hits, style)] : [];
  const lines = scriptLines(found).flatMap((line) => wrap(visible(line), style.width - 4));
  const shown = lines.slice(0, SCRIPT_LINES);
  const rest = lines.length - shown.length;
  return [
    '',
    `  ${style.colors.bold(isReduced(reproduction) ? 'smallest script' : 'script')}${hits ? style.colors.dim(`, ${hits}`) : ''}`,
    ...shown.map((line) => `    ${line}`),
    ...(rest > 0 ? [`    … ${count(rest, 'more line')}`] : []),
  ];
}

function since({ reason, expires }: { reason: string; expires?: string }): string {
  return expires === undefined ? reason : `${reason} (until ${expires})`;
}

function section(lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}
