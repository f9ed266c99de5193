import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** A server that the project ships: how it is started, and whether it is right. */
interface Subject {
  name: string;
  args: readonly string[];
  right: boolean;
}

const subjects: readonly Subject[] = [
  {
    name: 'reference',
    args: ['--logs', '--start', 'node dist/reference-server/main.js'],
    right: true,
  },
  { name: 'fastapi', args: ['--start', 'examples/fastapi/start'], right: true },
  { name: 'go', args: ['--start', 'examples/go/start'], right: true },
  { name: 'tutorial', args: ['--start', 'examples/tutorial/start'], right: false },
];

// Each example is judged by the command line, as a stranger would; the table shows server by profile.
const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, markdown: { type: 'string' } },
});
const folder = mkdtempSync(join(tmpdir(), 'parlor-interop-'));
const rows: string[] = [];
let passed = 0;
let failed = 0;

for (const { name, args, right } of subjects) {
  if (values.only && !values.only.includes(name)) continue;
  if (name !== 'reference' && !existsSync(`examples/${name}/start`)) continue;
  const report = join(folder, `${name}.json`);
  const { status, stdout } = spawnSync(
    'node',
    ['bin/parlor.js', 'test', ...args, '--report', `json=${report}`],
    { encoding: 'utf8' },
  );
  const asExpected = status === (right ? 0 : 1);
  if (asExpected) passed += 1;
  else failed += 1;
  if (!asExpected) console.log(stdout);
  const { checks } = JSON.parse(readFileSync(report, 'utf8')) as {
    checks: { profile: string; verdict: string }[];
  };
  const profiles = [...new Set(checks.map(({ profile }) => profile))];
  for (const profile of profiles) {
    const count = (verdict: string) =>
      checks.filter((each) => each.profile === profile && each.verdict === verdict).length;
    rows.push(
      `| ${name} | ${profile} | ${count('pass')} | ${count('fail')} | ${count('warning')} | ${count('not_exercised')} |`,
    );
  }
  console.log(
    `${asExpected ? 'as expected' : 'UNEXPECTED '}  ${name}: exit ${status}, ${stdout.trim().split('\n').at(-1)}`,
  );
}

const table = [
  '| server | profile | passed | failed | warnings | not exercised |',
  '|---|---|---|---|---|---|',
  ...rows,
  '',
].join('\n');
console.log(`\n${table}`);
if (values.markdown) writeFileSync(values.markdown, table);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
