import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedRule } from '#conformance/cli/catalog.js';
import { fenced, type Page, plain } from './pages.js';

/** The chapters as pages: each rule with its level, its profile, its checks and the faulty servers that prove them. */
export function specPages(root: string, rules: readonly ListedRule[]): Page[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const folder = join(root, 'spec');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({
      path: `spec/${name === 'README.md' ? 'index.md' : name}`,
      content: chapterPage(readFileSync(join(folder, name), 'utf8'), byId),
    }));
}

/** One chapter's Markdown as the site shows it. */
export function chapterPage(markdown: string, rules: ReadonlyMap<string, ListedRule>): string {
  const out: string[] = [];
  let open: ListedRule | undefined;
  let fence = false;
  const close = () => {
    if (open) out.push(evidence(open), '');
    open = undefined;
  };
  const lines = markdown.replace(/<!--[\s\S]*?-->\n?/g, '').split('\n');
  for (const [i, line] of lines.entries()) {
    if (/^\s*```/.test(line)) fence = !fence;
    if (fence || /^\s*```/.test(line)) {
      out.push(line);
      continue;
    }
    if (/^#{1,4} |^Profile: `/.test(line)) close();
    const id = /^#### (.*)$/.exec(line)?.[1];
    open = id === undefined ? open : rules.get(id);
    out.push(relinked(line));
    if (open && id !== undefined) out.push('', badges(open));
    // The sentence begins two lines below its heading; the rest of its paragraph is quoted with it.
    if (open && sentenceAt(lines, i)) out[out.length - 1] = `> ${relinked(line)}`;
  }
  close();
  return `---\npageClass: chapter\neditLink: false\n---\n\n${out.join('\n')}`;
}

function sentenceAt(lines: readonly string[], i: number): boolean {
  if (lines[i] === '') return false;
  let start = i;
  while (start > 0 && lines[start - 1] !== '') start -= 1;
  return start >= 2 && /^#### /.test(lines[start - 2] ?? '');
}

function relinked(line: string): string {
  return line
    .replace(/\]\(README\.md/g, '](index.md')
    .replace(/\[([^\]]*)\]\(\.\.\/[^)]*\)/g, '$1');
}

function badges({ level, profile, excluded }: ListedRule): string {
  const kind = { must: 'danger', should: 'warning', may: 'info' }[level];
  return [
    `<Badge type="${kind}" text="${level.toUpperCase()}" />`,
    `<Badge type="info" text="${profile}" />`,
    ...(excluded === undefined ? [] : ['<Badge type="info" text="not tested" />']),
  ].join(' ');
}

function evidence({ id, level, checks, mutants, excluded }: ListedRule): string {
  if (excluded !== undefined) return `*Not tested from outside: ${plain(excluded)}*`;
  if (checks.length === 0 && mutants.length === 0)
    return level === 'may' ? '*An allowance: nothing to test.*' : '*No check yet.*';
  const summary = `${count(checks.length, 'check')}, proved by ${count(mutants.length, 'faulty server')}`;
  return [
    `<details class="evidence"><summary>${summary}</summary>`,
    '',
    `Run ${checks.length === 1 ? 'it' : 'them'}: \`parlor test --only ${id}\``,
    '',
    ...checks.flatMap((check) => [
      `**Check** \`${check.id}\`${check.terms.length > 0 ? `: ${plain(check.terms.join('; '))}` : ''}`,
      '',
      fenced(check.source, 'ts'),
      '',
    ]),
    ...(mutants.length > 0 ? ['**Faulty servers** that have to fail here:', ''] : []),
    ...mutants.map(({ name, fault }) => `- \`${name}\`: ${plain(fault)}`),
    '',
    '</details>',
  ].join('\n');
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
