import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { validateServer } from '#schemas/validate.js';
import { Client, connect, SECRET } from './fixtures/client.js';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
let running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running = [];
});

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', main], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    out.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    out.stderr += chunk;
  });
  const exited = once(child, 'exit').then(([code]) => code as number);
  return { child, out, exited };
}

async function listening(env: Record<string, string>) {
  const process = run(env);
  for await (const line of createInterface(process.child.stderr as NodeJS.ReadableStream)) {
    const port = /ws:\/\/127\.0\.0\.1:(\d+)\/ws/.exec(line)?.[1];
    if (port) return { ...process, port: Number(port) };
  }
  throw new Error('it never listened');
}

describe('the process', () => {
  it('drains on SIGTERM and exits with 0, its log complete', async () => {
    const { child, exited, out, port } = await listening({
      PARLOR_TOKEN_SECRET: SECRET,
      PARLOR_GRACE_MS: '50',
    });
    const ann = await connect(port, 'ann');
    child.kill('SIGTERM');
    const notice = await ann.until(({ type }) => type === 'server_shutdown');
    expect(validateServer('server_shutdown', notice)).toBeNull();
    expect((await ann.ended).code).toBe(1012);
    expect(await exited).toBe(0);
    const lines = out.stdout.trim().split('\n');
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['websocket_connect', 'websocket_disconnect']);
  });

  it('says on SIGINT that it does not come back, and ends at once at the second signal', async () => {
    const { child, exited, port } = await listening({ PARLOR_TOKEN_SECRET: SECRET });
    const ann = await connect(port, 'ann');
    child.kill('SIGINT');
    const notice = await ann.until(({ type }) => type === 'server_shutdown');
    expect(notice['data']).toMatchObject({ reason: 'shutdown', reconnect: false });
    child.kill('SIGINT');
    expect(await exited).toBe(1);
  });

  it('prints a token that works, in development', async () => {
    const { out, port } = await listening({ PARLOR_LOG: 'off' });
    const token = () => /\n(ey[\w-]+\.[\w-]+\.[\w-]+)/.exec(out.stderr)?.[1];
    while (!token()) await new Promise((resolve) => setImmediate(resolve));
    const client = new Client(port, `?token=${token()}`);
    expect(await client.until(({ type }) => type === 'welcome')).toMatchObject({
      data: { user: 'ann' },
    });
  });

  it.each([
    [{ NODE_ENV: 'production' }, 'PARLOR_TOKEN_SECRET'],
    [{ PORT: 'http' }, 'PORT must be an integer of at least 0, not "http".'],
    [{ PARLOR_TOKEN_SECRET: 'short' }, 'at least 32 bytes'],
  ])('tells what is wrong with %j in a sentence', async (env, sentence) => {
    const { exited, out } = run(env);
    expect(await exited).toBe(64);
    expect(out.stderr).toContain(sentence);
    expect(out.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('tells that a port is taken', async () => {
    const { port } = await listening({ PARLOR_TOKEN_SECRET: SECRET });
    const { exited, out } = run({ PARLOR_TOKEN_SECRET: SECRET, PORT: String(port) });
    expect(await exited).toBe(1);
    expect(out.stderr).toMatch(/EADDRINUSE/);
    expect(out.stderr.trim().split('\n')).toHaveLength(1);
  });
});
