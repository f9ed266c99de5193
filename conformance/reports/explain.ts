import type { Failure } from '#conformance/harness/events.js';
import { arrow, brief, excerpt } from './frames.js';
import { scriptLines } from './script.js';
import { visible } from './text.js';

const TIMELINE = 60;

/** A failure as plain text, for places that show nothing else, such as JUnit or an issue. */
export function explain(text: string, failure: Failure | undefined): string {
  if (!failure) return text;
  return [
    text,
    ...failure.expected.map((each, index) => `${index === 0 ? 'expected' : '      or'}: ${each}`),
    `happened: ${failure.actual}`,
    ...(failure.hint === undefined ? [] : [`    hint: ${failure.hint}`]),
    ...(failure.caused_by === undefined ? [] : [`   cause: ${causeTold(failure)}`]),
    ...(failure.replay === undefined ? [] : [`   again: ${failure.replay}`]),
    ...section(frameLines(failure)),
    ...section(failure.script === undefined ? [] : scriptLines(failure.script)),
  ].join('\n');
}

// What was only seen beside a failure need not be its cause.
function causeTold({ caused_by, because }: Failure): string {
  return because === undefined ? `${caused_by}` : `probably ${caused_by}: ${because}`;
}

/** A timeline as lines of text: time, client, direction and frame. */
export function frameLines(failure: Failure): string[] {
  return excerpt(failure, TIMELINE).map((entry) =>
    typeof entry === 'number'
      ? `… ${entry} left out`
      : `${entry.at_ms.toFixed(1).padStart(8)} ms  ${visible(entry.peer)} ${arrow(entry)} ${brief(entry)}`,
  );
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}
