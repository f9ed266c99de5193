import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedRule } from '#conformance/cli/catalog.js';
import { closeRanges, closes } from '#schemas/closes.js';
import { errors } from '#schemas/errors.js';
import { closesTable, errorsTable } from '../registries.js';
import { type Page, table, wide } from './pages.js';

/** The registries of close codes and error codes. */
export function registriesPage(): Page {
  const content = [
    wide('registries'),
    '# Registries',
    '',
    'As JSON: `schemas/json/closes.json` and `schemas/json/errors.json`. The rules that use them stand in the chapters',
    '[closes](../spec/closes.md) and [errors](../spec/errors.md).',
    '',
    '## Close codes',
    '',
    closesTable(closes, closeRanges),
    '',
    '## Error codes',
    '',
    'The first that applies, in this order, is the one that a server reports.',
    '',
    errorsTable(errors),
    '',
  ].join('\n');
  return { path: 'reference/registries.md', content };
}

/** All rules in one table, and how many of each level are tested. */
export function rulesPage(rules: readonly ListedRule[]): Page {
  const row = ({ id, chapter, level, profile, checks, mutants, excluded }: ListedRule) => [
    `[\`${id}\`](../spec/${chapter}.md#${id})`,
    level.toUpperCase(),
    `\`${profile}\``,
    excluded === undefined ? String(checks.length) : 'excluded',
    String(mutants.length),
  ];
  const tested = rules.filter(({ checks }) => checks.length > 0).length;
  const content = [
    wide(),
    '# Rules',
    '',
    `${rules.length} rules, ${tested} with checks of their own. What a rule says, how it is tested and what proves the test: follow its link,`,
    'or `parlor explain <rule>`.',
    '',
    table(['rule', 'level', 'profile', 'checks', 'faulty servers'], rules.map(row)),
    '',
  ].join('\n');
  return { path: 'reference/rules.md', content };
}

/** The README of the vectors as a page. */
export function vectorsPage(root: string): Page {
  const text = readFileSync(join(root, 'schemas/examples/README.md'), 'utf8');
  return {
    path: 'reference/vectors.md',
    content: text
      .replaceAll('`../json`', '`schemas/json`')
      .replaceAll('`../json/', '`schemas/json/'),
  };
}
