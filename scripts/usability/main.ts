import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChromium } from '../../test/chromium.js';
import { look, views } from './browser.js';
import { validations } from './reports.js';
import { Tally } from './tally.js';

// npm run usability [-- --keep]: what a stranger does from an empty folder, and what he gets for it.
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'parlor-usability-'));
const installed = join(folder, 'node_modules/parlor');
const tally = new Tally();

function run(command: string, args: string[], cwd = folder) {
  const env = { ...process.env, NO_COLOR: '1', npm_config_update_notifier: 'false' };
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

function succeeds(command: string, args: string[], cwd?: string): string {
  const { status, stdout, stderr } = run(command, args, cwd);
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

// The server that `parlor init --yes` supposes, and one that accepts everything and answers with what it gets.
const RIGHT = `import './node_modules/parlor/dist/reference-server/main.js';\n`;
const WRONG = `import { createServer } from 'node:http';
import { createRequire } from 'node:module';
const { WebSocketServer } = createRequire(import.meta.resolve('parlor/server'))('ws');
const server = createServer((_, response) => response.end('<b>"hello" & 🙂</b>'));
new WebSocketServer({ server }).on('connection', (socket) =>
  socket.on('error', () => {}).on('message', (data, binary) => socket.send(data, { binary })),
);
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit());
`;

const reports = [
  'json=report.json',
  'ndjson=events.ndjson',
  'junit=junit.xml',
  'html=index.html',
  'markdown=summary.md',
  'annotations=annotations.txt',
  'badge=badge.json',
];

const runs: { name: string; exit: number; args: string[] }[] = [
  { name: 'right', exit: 0, args: ['--time', '0'] },
  {
    name: 'wrong',
    exit: 1,
    args: ['--start', 'node wrong.js', '--time', '0', 'handshake', 'chat', 'transport'],
  },
];

try {
  await tally.promise('It is packed and installed into an empty folder', () => {
    succeeds('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root);
    const packed = readdirSync(folder).find((name) => name.endsWith('.tgz'));
    writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
    succeeds('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${packed}`]);
  });
  await tally.promise('`parlor init --yes` writes a config and a workflow', () => {
    succeeds('npx', ['parlor', 'init', '--yes']);
    assert.ok(existsSync(join(folder, 'parlor.config.jsonc')));
    assert.ok(existsSync(join(folder, '.github/workflows/parlor.yml')));
    writeFileSync(join(folder, 'server.js'), RIGHT);
    writeFileSync(join(folder, 'wrong.js'), WRONG);
  });
  for (const { name, exit, args } of runs) {
    await tally.promise(`\`parlor test\` ends with ${exit} on a ${name} server`, () => {
      mkdirSync(join(folder, name));
      const files = reports.flatMap((each) => ['--report', each.replace('=', `=${name}/`)]);
      const { status, stdout, stderr } = run('npx', ['parlor', 'test', ...args, ...files]);
      assert.equal(status, exit, `${stdout}${stderr}`);
      assert.match(stdout, /\n\d+ passed, \d+ failed, \d+ skipped\n$/);
      const wide = stdout
        .split('\n')
        .filter((line) => line.length > 80 && !/^ {2}(again |\S+#[a-z])/.test(line));
      assert.deepEqual(wide, []);
    });
    for (const [what, valid] of Object.entries(validations(join(folder, name), installed, exit)))
      await tally.promise(`Reports of the ${name} server: ${what}`, valid);
  }
  const browser = await tally.promise('A browser starts', startChromium);
  // The page of the right one is four times as long and made of the same parts: two looks are enough.
  for (const { name } of browser ? runs : [])
    for (const view of name === 'right' ? [views[0], views[3]] : views)
      await tally.promise(
        `The page of the ${name} server, ${view.colorScheme}, ${view.width} pixels wide`,
        async () => browser && look(browser, join(folder, name, 'index.html'), view),
      );
  await browser?.close();
} finally {
  if (process.argv.includes('--keep')) console.log(`kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
process.exitCode = tally.close();
