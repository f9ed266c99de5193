import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedRule } from '#conformance/cli/catalog.js';
import { cell, type Page, table } from './pages.js';

/** Where `npm run docs:mutants` leaves the matrix of a real run. */
export const MATRIX = 'docs/public/mutants.txt';

/** The kill matrix: each faulty server, the rule that it breaks, and what the check said of it in the last full run. */
export function mutantsPage(root: string, rules: readonly ListedRule[]): Page {
  const file = join(root, MATRIX);
  const verdicts = existsSync(file) ? readMatrix(readFileSync(file, 'utf8')) : new Map();
  const total = rules.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const killed = [...verdicts.values()].filter(({ verdict }) => verdict === 'killed').length;
  const sections = [...new Set(rules.map(({ chapter }) => chapter))].flatMap((chapter) => {
    const rows = rules
      .filter((rule) => rule.chapter === chapter)
      .flatMap(({ id, mutants }) =>
        mutants.map(({ name, fault }) => [
          `\`${name}\``,
          cell(fault),
          `[\`${id}\`](../spec/${chapter}.md#${id})`,
          verdicts.get(name)?.verdict ?? 'not in the last run',
          verdicts.get(name)?.said ?? '',
        ]),
      );
    if (rows.length === 0) return [];
    return [
      `## ${chapter}`,
      '',
      table(['faulty server', 'fault', 'rule', 'verdict', 'what the check said'], rows),
      '',
    ];
  });
  const content = [
    '# Kill matrix',
    '',
    'A check that nobody has seen fail proves nothing. Each row is the reference server with one thing wrong. The gate,',
    '`npm run mutants`, starts it, runs the checks of the rule that it breaks, and is red unless one of them fails for that reason.',
    '',
    verdicts.size === 0
      ? `**${total} faulty servers.** The verdicts of a full run are not recorded in this build: \`npm run docs:mutants\` records them.`
      : `**${total} faulty servers, ${killed} killed by their own rule** in the last recorded run.`,
    '',
    ...sections,
  ].join('\n');
  return { path: 'reference/mutants.md', content };
}

interface Verdict {
  verdict: string;
  said: string;
}

function readMatrix(markdown: string): Map<string, Verdict> {
  const found = new Map<string, Verdict>();
  for (const line of markdown.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((each) => each.trim());
    const name = /^`(.+)`$/.exec(cells[1] ?? '')?.[1];
    if (!name) continue;
    found.set(name, {
      verdict: (cells[4] ?? '').replaceAll('*', ''),
      // It is cut in the middle of whatever it is, also of a pair of backticks.
      said: literal((cells[5] ?? '').replaceAll('\\|', '|')),
    });
  }
  return found;
}

// It is cut in the middle of whatever it is, a pair of backticks or an entity: nothing in it is markup.
function literal(text: string): string {
  return text.replace(/[^\w ,.:;'-]/gu, (each) => `&#${each.codePointAt(0)};`);
}
