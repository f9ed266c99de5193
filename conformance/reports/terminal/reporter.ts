import type { Reporter, RunStart } from '#conformance/harness/events.js';
import type { RuleBook } from '../broken.js';
import { collect, type Opening } from '../report.js';
import { clip, count, duration, visible, wrap } from '../text.js';
import { closing, type Shown } from './closing.js';
import { Progress } from './progress.js';
import { type Screen, type Style, styleOf } from './style.js';

/** What a person sees: the target, a line per chapter as it goes, failures first, totals last. */
export function terminal(
  screen: Screen,
  book: RuleBook,
  opening: Opening,
  shown: Shown = {},
): Reporter {
  const style = styleOf(screen, book);
  let begun = false;
  let progress = new Progress(screen, style, []);
  const gather = collect(opening, (report) => {
    progress.finish();
    // A run that never began has nothing to show; its one sentence is told by the command line.
    if (!begun) return;
    screen.write(`${closing(report, style, shown).join('\n')}\n`);
  });
  return (event) => {
    if (event.event === 'run_start') {
      screen.write(`${header(event, style).join('\n')}\n`);
      begun = true;
      progress = new Progress(screen, style, event.checks);
    } else if (event.event === 'check_start') progress.start(event.check);
    else if (event.event === 'check_end') progress.end(event);
    else if (event.event === 'note') for (const line of remark(event, style)) progress.print(line);
    return gather(event);
  };
}

function header(start: RunStart, { colors, width }: Style): string[] {
  const { target, checks, expected_ms, seed, not_exercised, parlor_version } = start;
  const rows: [string, string][] = [];
  if (target.command !== undefined) rows.push(['command', target.command]);
  if (target.server) rows.push(['server', `${target.server.name} ${target.server.version}`]);
  if (target.features.length > 0) rows.push(['features', target.features.join(', ')]);
  const about = expected_ms > 0 ? `, at least ${duration(expected_ms)}` : '';
  rows.push(['plan', `${count(checks.length, 'check')}${about}, seed ${seed}`]);
  if (not_exercised.length > 0)
    rows.push([
      'skipped',
      `${count(not_exercised.length, 'rule')} not exercised, named at the end`,
    ]);
  return [
    `${colors.bold(`parlor ${parlor_version}`)} ${clip(visible(target.urls.join(' ')), width - 16)}`,
    ...rows.flatMap(([label, text]) =>
      wrap(visible(text), width - 12).map(
        (line, index) => `  ${colors.dim((index === 0 ? label : '').padEnd(9))} ${line}`,
      ),
    ),
    '',
  ];
}

function remark(
  { level, text }: { level: 'info' | 'warning' | 'error'; text: string },
  { colors, width }: Style,
): string[] {
  const paint = { info: colors.dim, warning: colors.yellow, error: colors.red }[level];
  return text
    .split('\n')
    .flatMap((line) => wrap(visible(line), width - 4))
    .map((line) => `  ${paint(`! ${line}`)}`);
}
