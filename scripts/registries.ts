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

/** What the config table needs of a schema. */
interface Described {
  type?: string;
  description?: string;
  items?: Described;
  properties?: Readonly<Record<string, Described>>;
}

/** The keys of the config as a table; those of an object in it follow it, with its name before theirs. */
export function configTable(schema: Described): string {
  return table(['key', 'type', 'meaning'], keys(schema, ''));
}

function keys({ properties = {} }: Described, before: string): string[][] {
  return Object.entries(properties).flatMap(([name, member]) => {
    if (SEVERAL.has(name)) return [row(`${name}.<name>`, ofAnyName(member))];
    const inside = member.items ?? member;
    const within = inside.properties ? keys(inside, `${before}${name}.`) : [];
    return [row(`${before}${name}`, member), ...within];
  });
}

// Objects whose members are all alike.
const SEVERAL = new Set(['control', 'profiles']);

function ofAnyName({ properties = {}, description }: Described): Described {
  const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
  const [one = {}] = Object.values(properties);
  const keys = one.properties ? ` Keys: ${listed(Object.keys(one.properties))}.` : '';
  const names = Object.keys(properties);
  return {
    ...one,
    description: `${description}${keys} Names: ${listed(names)}.`,
  };
}

function row(name: string, { type = 'string', items, description = '' }: Described): string[] {
  return [
    `\`${name}\``,
    items ? `list of ${items.type ?? 'string'}s` : type,
    description.replaceAll('|', '\\|').replaceAll('<', '&lt;'),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell || '–').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
