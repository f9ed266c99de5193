import pc from 'picocolors';
import { UsageError } from '#conformance/harness/verdict.js';
import { didYouMean } from '#conformance/nearest.js';
import { wrap } from '#conformance/reports/text.js';
import { bookFor } from './book.js';
import { catalog, type ListedRule } from './catalog.js';
import { type Io, wantsColor } from './io.js';

/**
 * `parlor explain <rule>`: the sentence, why it is there, how it is tested, and which faulty servers prove the test.
 *
 * @throws UsageError for an id that the spec does not have
 */
export async function explain(id: string, json: boolean, io: Io): Promise<void> {
  const rules = await catalog();
  // A check's id is its rule's with a variant behind it, and what people copy from a report.
  const rule =
    rules.find((each) => each.id === id) ??
    rules.find(({ checks }) => checks.some((check) => check.id === id));
  if (!rule) {
    const hint =
      didYouMean(
        id,
        rules.map((each) => each.id),
      ) || '; parlor list names them all';
    throw new UsageError(
      rules.some(({ chapter }) => chapter === id)
        ? `'${id}' is a chapter: parlor list ${id} names its rules`
        : `no rule is called '${id}'${hint}`,
    );
  }
  const book = bookFor(io.cwd);
  if (json) {
    const why = book.why(rule.id);
    io.stdout(`${JSON.stringify({ ...rule, why, link: book.link(rule.id) }, null, 2)}\n`);
  } else io.stdout(`${text(rule, book.why(rule.id), book.link(rule.id), io).join('\n')}\n`);
}

function text(rule: ListedRule, why: string | undefined, link: string, io: Io): string[] {
  const colors = pc.createColors(wantsColor(io));
  const width = Math.min(io.columns, 100);
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', colors.bold(title), ...lines];
  const paragraph = (markdown: string, indent: string) =>
    wrap(markdown.replace(/\s*\n\s*/g, ' '), width - indent.length).map((line) => indent + line);
  return [
    `${colors.bold(rule.id)} ${colors.dim(`· ${rule.level} · ${rule.chapter} · ${rule.profile}`)}`,
    '',
    ...paragraph(rule.text, '  '),
    `  ${colors.dim(link)}`,
    ...section(
      'Why',
      blocks(why ?? '').flatMap((block) =>
        block.code
          ? ['', ...block.lines.map((line) => `    ${line}`), '']
          : block.lines.flatMap((line) => paragraph(line, '  ')),
      ),
    ),
    ...section('How it is tested', tested(rule, paragraph)),
    ...section(
      'What proves the test',
      rule.mutants.flatMap(({ name, fault }) => [`  ${name}`, ...paragraph(fault, '    ')]),
    ),
    '',
    `  ${colors.dim('run it')} npx parlor test --only ${rule.id}`,
  ];
}

function tested(
  { excluded, checks }: ListedRule,
  paragraph: (text: string, indent: string) => string[],
): string[] {
  if (excluded !== undefined) return paragraph(`Not from outside: ${excluded}`, '  ');
  if (checks.length === 0) return ['  No check yet.'];
  // Variants often differ in a value alone: the same source is shown once.
  const bySource = new Map<string, string[]>();
  for (const { id, terms, source } of checks) {
    const title = `  ${id}${terms.length === 0 ? '' : ` (${terms.join('; ')})`}`;
    bySource.set(source, [...(bySource.get(source) ?? []), title]);
  }
  return [...bySource].flatMap(([source, titles]) => [
    ...titles,
    ...outdent(source).map((line) => `    ${line}`.trimEnd()),
  ]);
}

// A function's text keeps the indentation of where it stood, but for its first line.
function outdent(source: string): string[] {
  const [first = '', ...rest] = source.split('\n');
  const indents = rest.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const least = indents.length === 0 ? 0 : Math.min(...indents);
  return [first, ...rest.map((line) => line.slice(least))];
}

function blocks(markdown: string): { code: boolean; lines: string[] }[] {
  return markdown.split(/^```[^\n]*\n([\s\S]*?)^```$/m).map((part, index) =>
    index % 2 === 1
      ? { code: true, lines: part.trimEnd().split('\n') }
      : {
          code: false,
          lines: part.split(/\n\s*\n|\n(?=[-*|] ?)/).filter((each) => each.trim() !== ''),
        },
  );
}
