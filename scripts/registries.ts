import type { Variable } from '#conformance/harness/contract.js';
import type { closes as Closes, closeRanges as Ranges } from '#schemas/closes.js';
import type { errors as Errors } from '#schemas/errors.js';
import { SpecError } from './requirements.js';

/** The registry of error codes as the table that spec/errors.md shows. */
export function errorsTable(errors: typeof Errors): string {
  return table(
    ['order', 'code', 'retryable', 'protocol error', 'when'],
    errors.map((row) => [
      String(row.order),
      `\`${row.code}\``,
      row.retryable ? 'yes' : 'no',
      row.protocolError ? 'yes' : 'no',
      row.when,
    ]),
  );
}

/** The registry of close codes and their ranges as the tables that spec/closes.md shows. */
export function closesTable(closes: typeof Closes, ranges: typeof Ranges): string {
  const codes = table(
    ['code', 'name', 'reasons', 'meaning', 'what a client does'],
    closes.map((row) => [
      String(row.code),
      row.name,
      row.reasons
        .map((reason) => [reason, ...row.parameters.map((key) => `${key}=n`)].join(';'))
        .map((reason) => `\`${reason}\``)
        .join(', '),
      row.meaning,
      row.client,
    ]),
  );
  const bounds = table(
    ['range', 'what a client does with a code it does not know'],
    ranges.map((row) => [`${row.from}–${row.to}`, row.client]),
  );
  return `${codes}\n\n${bounds}`;
}

/**
 * Puts a table between the pair of comments `generated:<name>` and `/generated:<name>`.
 *
 * @throws SpecError where the pair is not there
 */
export function fillMarker(source: string, name: string, content: string, file: string): string {
  const [open, close] = [`<!-- generated:${name} -->`, `<!-- /generated:${name} -->`];
  const [start, end] = [source.indexOf(open), source.indexOf(close)];
  if (start < 0 || end < start)
    throw new SpecError(`${file}: the markers ${open} … ${close} are missing`);
  return `${source.slice(0, start + open.length)}\n\n${content}\n\n${source.slice(end)}`;
}

/** The test contract: the environment of a started server. */
export function contractTable(variables: readonly Variable[]): string {
  return table(
    ['variable', 'type', 'default', 'meaning'],
    variables.map(({ name, type, default: value, meaning }) => [
      `\`${name}\``,
      type,
      value === null ? '' : `\`${value}\``,
      meaning.replaceAll('|', '\\|'),
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell || '–').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
