import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A generated page: its path below docs/ and its Markdown. */
export interface Page {
  path: string;
  content: string;
}

/** The head of a page of wide tables, which take the place of the outline, too; `name` is its class in the style sheet. */
export const wide = (name = 'wide') => `---\npageClass: ${name}\naside: false\n---\n`;

/** Writes the pages into folders that hold nothing else. */
export function writePages(docs: string, pages: readonly Page[]): void {
  const folders = new Set(pages.map(({ path }) => dirname(path)));
  for (const folder of folders) rmSync(join(docs, folder), { recursive: true, force: true });
  for (const { path, content } of pages) {
    mkdirSync(dirname(join(docs, path)), { recursive: true });
    writeFileSync(join(docs, path), content);
  }
}

/** The names of a folder's JSON files, sorted, without their ending. */
export function jsonNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/** Text that Markdown and Vue leave as it is. */
export function plain(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('{{', '&#123;&#123;')
    .replace(/\s+/g, ' ');
}

/** Text for a table's cell: what stands in backticks stays as it is, bars are escaped. */
export function cell(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : plain(part)))
    .join('')
    .replaceAll('|', '\\|');
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((each) => each || '–').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A fenced block of code; longer fences where the code has fences itself. */
export function fenced(code: string, language: string): string {
  const fence = code.includes('```') ? '````' : '```';
  return `${fence}${language}\n${code.trimEnd()}\n${fence}`;
}
