import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Subject, subjects } from './subjects.js';
import { countProfiles, type Report, type Row, words } from './table.js';

// npm run interop [-- --only <server>]… [--write]: judges the right servers by the command line, as a stranger would;
// --write judges the wrong one too, which takes minutes, and records the runs for the site.
const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, write: { type: 'boolean', default: false } },
});
const chosen = subjects.filter(
  ({ name, right }) => values.only?.includes(name) ?? (right || values.write),
);
if (chosen.length === 0 || (values.write && values.only)) {
  const names = subjects.map(({ name }) => name).join(', ');
  console.error(`expected --write without --only, or --only with one of ${names}`);
  process.exit(64);
}
const folder = mkdtempSync(join(tmpdir(), 'parlor-interop-'));

function judge({ name, stack, args, right }: Subject): Row | null {
  const file = join(folder, `${name}.json`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['bin/parlor.js', 'test', ...args, '--report', `json=${file}`],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const expected = status === (right ? 0 : 1);
  const said = stdout.trim().split('\n').at(-1);
  console.log(`${expected ? 'as expected' : 'UNEXPECTED '}  ${name}: exit ${status}, ${said}`);
  if (!expected) {
    console.log(`${stdout}${stderr}`);
    return null;
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const announced = report.target.features ?? [];
  return { server: name, stack, right, announced, profiles: countProfiles(report) };
}

const rows = chosen.map(judge).filter((row) => row !== null);
rmSync(folder, { recursive: true });
for (const row of rows) {
  const cells = Object.keys(row.profiles).map((profile) => [profile, words(profile, row)] as const);
  const told = cells.filter(([, cell]) => !cell.startsWith('not '));
  console.log(`${row.server}: ${told.map((each) => each.join(' ')).join('; ')}`);
}
const failed = chosen.length - rows.length;
if (values.write && failed === 0)
  writeFileSync('docs/interop.json', `${JSON.stringify(rows, null, 2)}\n`);
console.log(`${rows.length} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
