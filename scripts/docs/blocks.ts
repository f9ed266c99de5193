import { readdirSync, readFileSync } from 'node:fs';

/** A fenced block of a Markdown file. */
export interface Block {
  /** Path from the root. */
  file: string;
  /** The line of its fence, from 1. */
  line: number;
  /** The first word after the fence. */
  language: string;
  text: string;
}

// What npm run docs writes, and what is not ours.
const ELSEWHERE =
  /(^|\/)(node_modules|\.venv|\.vitepress|dist)(\/|$)|^docs\/(api|spec|reference|generated)\//;

/** The Markdown files that people write, with paths from the root. */
export function markdownFiles(root: string): string[] {
  const folders = [
    'docs',
    'spec',
    'schemas/examples',
    'examples',
    'conformance',
    'reference-server',
  ];
  const below = folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name}`,
    ),
  );
  return [...readdirSync(root), ...below]
    .filter((name) => name.endsWith('.md') && !ELSEWHERE.test(name))
    .sort();
}

/** All fenced blocks of a Markdown text. */
export function blocksIn(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; block: Block } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, fence = '', info = ''] = /^ *(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open && fence.startsWith(open.fence) && info.trim() === '') {
      blocks.push(open.block);
      open = undefined;
    } else if (open) {
      open.block.text += `${line}\n`;
    } else if (fence !== '') {
      const [language = ''] = info.trim().split(/\s/);
      open = { fence, block: { file, line: index + 1, language, text: '' } };
    }
  }
  if (open) throw new Error(`${file}:${open.block.line}: the block is not closed`);
  return blocks;
}

/** All fenced blocks of the project. */
export function allBlocks(root: string): Block[] {
  return markdownFiles(root).flatMap((file) =>
    blocksIn(file, readFileSync(`${root}/${file}`, 'utf8')),
  );
}
