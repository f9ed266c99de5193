import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { abridge, drawTerminal } from './docs/terminal.js';

// npx tsx scripts/picture.ts --out <svg> [--show <rule>]… -- '<command line>': draws a real run as SVG.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, show: { type: 'string', multiple: true, default: [] } },
});
const command = positionals.join(' ');
if (!values.out || command === '') {
  console.error("expected --out <file.svg> and a command line after --, such as 'npx parlor list'");
  process.exit(64);
}
// In a checkout `parlor` is no command; what is run is the same.
const run = spawnSync(`parlor() { node bin/parlor.js "$@"; }\n${command}`, {
  shell: true,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  env: { ...process.env, FORCE_COLOR: '1' },
});
const lines = [
  `\u001b[2m$\u001b[22m ${command}`,
  '',
  ...abridge(run.stdout.trimEnd().split('\n'), values.show),
  '',
  `\u001b[2m$ echo $?\u001b[22m`,
  String(run.status),
];
writeFileSync(values.out, drawTerminal(command, lines));
console.log(`wrote ${values.out}: ${lines.length} lines, exit code ${run.status}`);
