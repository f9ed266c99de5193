import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedRule } from '#conformance/cli/catalog.js';
import { cell, type Page, table, wide } from './pages.js';

/** Where `npm run docs:mutants` leaves the matrix of a real run. */
export const MATRIX = 'docs/public/mutants.txt';

/** The kill matrix: each faulty server, the rule that it breaks, and what the check said of it in the last full run. */
export function mutantsPage(root: string, rules: readonly ListedRule[]): Page {
  const file = join(root, MATRIX);
  const verdicts = existsSync(file)
    ? readMatrix(readFileSync(file, 'utf8'))
    : new Map<string, Verdict>();
  const total = rules.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const killed = [...verdicts.values()].filter(({ verdict }) => verdict === 'killed').length;
  const chapters = [...new Set(rules.map(({ chapter }) => chapter))].filter((chapter) =>
    rules.some((rule) => rule.chapter === chapter && rule.mutants.length > 0),
  );
  const sections = chapters.flatMap((chapter) => {
    const rows = rules
      .filter((rule) => rule.chapter === chapter)
      .flatMap(({ id, mutants }) =>
        mutants.map(({ name, fault }) => [
          `\`${name}\`<br>${cell(fault)}`,
          `[\`${id}\`](../spec/${chapter}.md#${id})`,
          said(verdicts.get(name)),
        ]),
      );
    return [`## ${chapter}`, '', table(['faulty server', 'rule', 'what the check said'], rows), ''];
  });
  const content = [
    wide('matrix'),
    '# Kill matrix',
    '',
    'A check that nobody has seen fail proves nothing. Each row is the reference server with one thing wrong. The gate,',
    '`npm run mutants`, starts it, runs the checks of the rule that it breaks, and is red unless one of them fails for that reason.',
    '',
    verdicts.size === 0
      ? `**${total} faulty servers.** The verdicts of a full run are not recorded in this build: \`npm run docs:mutants\` records them.`
      : `**${total} faulty servers, ${killed} killed by their own rule** in the last recorded run.`,
    '',
    `Chapters: ${chapters.map((chapter) => `[${chapter}](#${chapter})`).join(' · ')}`,
    '',
    ...sections,
  ].join('\n');
  return { path: 'reference/mutants.md', content };
}

interface Verdict {
  verdict: string;
  said: string;
}

// That it was killed goes without saying.
function said(found: Verdict | undefined): string {
  if (!found) return 'not in the last run';
  return found.verdict === 'killed' ? found.said : `**${found.verdict}** ${found.said}`;
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
