import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Row, words } from '../interop/table.js';
import { type Page, table, wide } from './pages.js';

/** What each shipped server has of each profile, from the recorded runs of `npm run interop -- --write`. */
export function interopPage(root: string): Page {
  const file = join(root, 'docs/interop.json');
  const rows = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Row[]) : [];
  const profiles = [...new Set(rows.flatMap((row) => Object.keys(row.profiles)))];
  const content = [
    wide('interop'),
    '# Interop',
    '',
    'Servers of different styles, each written from the specification, each judged by the same suite over the network. A number',
    'is of checks. Run it with `npm run interop`; this page shows the last recorded run.',
    '',
    rows.length === 0
      ? 'No run is recorded in this build: `npm run interop -- --write` records one.'
      : table(
          ['profile', ...rows.map(({ server }) => `\`${server}\``)],
          profiles.map((profile) => [
            `[\`${profile}\`](../spec/index.md#profiles)`,
            ...rows.map((row) => words(profile, row).replace('not announced', '–')),
          ]),
        ),
    '',
    ...rows.flatMap(({ server, stack, right }) => [
      `- \`${server}\`: ${stack}.${right ? '' : ' It is wrong on purpose: the suite has to name its faults.'}`,
    ]),
    '',
    'A dash: the server does not have the profile, and announces none. Not exercised: the run could not test it; a cluster needs',
    'several instances, logs need a runner that may read them.',
    '',
  ].join('\n');
  return { path: 'reference/interop.md', content };
}
