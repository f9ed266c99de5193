import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandLauncher, lastOutput, listens } from './process.js';

const module = fileURLToPath(new URL('process.ts', import.meta.url));
const SERVER = `node -e "require('node:net').createServer().listen(process.env.PORT, process.env.HOST)"`;
const RUNNER = `
  const { commandLauncher } = await import(process.argv[1]);
  const { url } = await commandLauncher(process.argv[2])({});
  console.log(url);
  setInterval(() => {}, 1_000);
`;

describe('a started server', () => {
  it.each([
    ['', ''],
    [', started by another', 'true && '],
  ])('ends with a runner that was killed%s', async (_, before) => {
    const runner = spawn(
      process.execPath,
      ['--conditions=source', '--import', 'tsx', '-e', RUNNER, module, before + SERVER],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = await once(runner.stdout, 'data');
    const url = String(line).trim();
    expect(await listens(url)).toBe(true);
    runner.kill('SIGKILL');
    // When it is gone is the machine's business; by itself `poll` would give up after a second.
    await expect.poll(() => listens(url), { timeout: 30_000 }).toBe(false);
  });

  it('is seen to end where its command waits for it', async () => {
    const once = SERVER.replace('createServer()', 'createServer(() => process.exit())');
    const { exited } = await commandLauncher(`${once} & wait`)({});
    expect(await exited).toEqual({ status: 0, signal: null });
  });

  it('is quoted without the code that a crash prints in one line', () => {
    const stderr = `main.js:1\n${'x'.repeat(90_000)}\n${' '.repeat(90_000)}^\n\nError: no room`;
    const said = lastOutput({ output: { stdout: '', stderr } });
    expect(said).toMatch(/^; its last output:\nmain.js:1\nx+ …\n…\n\nError: no room$/);
    expect(said.length).toBeLessThan(600);
  });
});
