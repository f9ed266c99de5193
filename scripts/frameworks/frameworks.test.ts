import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../examples/frameworks', import.meta.url));
const root = join(folder, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'parlor-frameworks-'));
afterAll(() => rmSync(scratch, { recursive: true }));

// A server that says back what it hears.
const wrong = join(scratch, 'wrong.mjs');
const ws = join(root, 'node_modules/ws/wrapper.mjs');
writeFileSync(
  wrong,
  `import { WebSocketServer } from '${ws}';
new WebSocketServer({ host: '127.0.0.1', port: Number(process.env.PORT) }).on('connection', (socket) =>
  socket.on('error', () => {}).on('message', (data, binary) => socket.send(data, { binary })),
);
`,
);

const frameworks: Record<string, string[]> = {
  vitest: [join(root, 'node_modules/vitest/vitest.mjs'), 'run'],
  jest: [
    '--experimental-vm-modules',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...['--transform', '{}', '--testRegex', 'jest.test.js$'],
  ],
  'node:test': ['--test', 'node.test.js'],
};

// What this process was started with is not for those that it starts.
function environment(server: string): NodeJS.ProcessEnv {
  const { VITEST: _, NODE_OPTIONS: __, NODE_TEST_CONTEXT: ___, ...env } = process.env;
  return { ...env, SERVER: server, RULES: 'chat-', NO_COLOR: '1' };
}

function run(args: readonly string[], server: string): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: folder, env: environment(server), maxBuffer: 2 ** 26 },
      (error, stdout, stderr) =>
        resolve({ status: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

describe.each(Object.entries(frameworks))('the checks as tests of %s', (_, args) => {
  it('pass with a right server', async () => {
    const { status, output } = await run(args, `node ${root}/dist/reference-server/main.js`);
    expect(output).toContain('chat-acked');
    expect(output).not.toContain('expected:');
    expect(status).toBe(0);
  });

  it('fail with a wrong one, and say why', async () => {
    const { status, output } = await run(args, `node ${wrong}`);
    expect(status).toBe(1);
    // Where the machine is too busy, nothing is called wrong, and nothing right.
    expect(output).toMatch(/expected: a connection with valid credentials is welcomed|too busy/);
  });
});
