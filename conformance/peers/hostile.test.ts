import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '#conformance/harness/events.js';
import { type Hostile, loud, quiet } from './hostile.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'parlor-hostile-'));
const program = join(folder, 'main.js');
const meter = join(folder, 'meter.mjs');

// A runner that says nothing for so long hangs. Ticks, not time: who is starved himself counts slowly.
const SILENT_TICKS = 150;
const TICK_MS = 100;
const MOST_MEGABYTES = 300;

// One check of each kind: what needs a welcome, what only opens, what only speaks frames.
const KINDS = [
  'rooms-join-acked',
  'authentication-token-missing',
  'transport-ping-payload-echoed',
  'handshake-unknown-subprotocol-refused',
];

// In one file the runner starts in a third of the time, and it starts once for each target.
beforeAll(async () => {
  await build({
    entryPoints: [join(root, 'conformance/main.ts')],
    outdir: folder,
    splitting: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  // What it reads beside itself.
  for (const name of ['package.json', 'spec', 'schemas', 'conformance'])
    symlinkSync(join(root, name), join(folder, name));
  writeFileSync(
    meter,
    "import { writeSync } from 'node:fs'; process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));",
  );
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  events: RunEvent[];
  err: string;
  megabytes: number;
}

function kept(child: ChildProcess, index: 1 | 2 | 3): () => string {
  const chunks: Buffer[] = [];
  child.stdio[index]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

// Kills a runner that hangs: then it has no exit code.
function watch(child: ChildProcess): void {
  let silent = 0;
  child.stdout?.on('data', () => {
    silent = 0;
  });
  const timer = setInterval(() => {
    silent += 1;
    if (silent > SILENT_TICKS) child.kill('SIGKILL');
  }, TICK_MS);
  child.once('close', () => clearInterval(timer));
}

async function judge(url: string): Promise<Ended> {
  const only = KINDS.flatMap((rule) => ['--only', rule]);
  const args = ['test', url, '--token-secret', 'a secret of no use', '--time', '0', ...only];
  const child = spawn(
    process.execPath,
    ['--import', meter, program, ...args, '--report', 'ndjson=-'],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
  );
  const [out, err, kilobytes] = [kept(child, 1), kept(child, 2), kept(child, 3)];
  watch(child);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines = out().split('\n').filter(Boolean);
  return {
    code,
    events: lines.map((line) => JSON.parse(line)),
    err: err(),
    megabytes: Number(kilobytes()) / 1024,
  };
}

async function survive([exit, serve]: Hostile): Promise<void> {
  const sockets = new Set<Socket>();
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const { code, events, err, megabytes } = await judge(`ws://127.0.0.1:${port}/ws`);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => listener.close(resolve));
  expect([code, err]).toEqual([exit, expect.not.stringMatching(/uncaught|unhandled|^ +at /im)]);
  const end = events.at(-1);
  if (end?.event !== 'run_end') throw new Error(`the last event is ${end?.event}`);
  expect(end.exit_code).toBe(exit);
  if (exit === 1) expect(end.totals.fail).toBeGreaterThanOrEqual(2);
  expect(megabytes, 'resident memory').toBeGreaterThan(20);
  expect(megabytes, 'resident memory').toBeLessThan(MOST_MEGABYTES);
}

describe('a hostile target that', () => {
  it.concurrent.each(Object.entries(quiet))('%s is survived', (_, hostile) => survive(hostile));

  it.each(Object.entries(loud))('%s is survived', (_, hostile) => survive(hostile));
});
