import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlCommand, runControl } from '#conformance/harness/control.js';
import type { Instance } from '#conformance/harness/process.js';
import { prepare, type RunningTarget } from '#conformance/harness/target.js';
import type { TestCluster } from './target.js';

type Controls = Record<string, (input: unknown) => Promise<unknown>>;

/**
 * Has `parlor test` judge the instances by their addresses, as it judges a stranger's cluster: what the
 * protocol cannot give it gets from control commands. Resolves to its exit code.
 */
export async function testByUrl(cluster: TestCluster, words: readonly string[]): Promise<number> {
  const running = await prepare(cluster.target);
  const folder = mkdtempSync(join(tmpdir(), 'parlor-cluster-'));
  const commands = { ...controlsOf(cluster, running), ...instanceControls(running) };
  const server = serve(commands);
  try {
    const port = await server.port;
    const file = join(folder, 'parlor.config.json');
    writeFileSync(file, JSON.stringify(configOf(running, Object.keys(commands), port), null, 2));
    return await cli(['test', '--config', file, ...words]);
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
    await running.stop();
  }
}

function controlsOf({ target }: TestCluster, { instances }: RunningTarget): Controls {
  const all: Record<string, ControlCommand> = { ...instances[0]?.control, ...target.control };
  return Object.fromEntries(
    Object.keys(all).map((name) => [name, (input) => runControl(all, name, input)]),
  );
}

/** Stops and starts the instance at an address. */
function instanceControls({ instances, launch }: RunningTarget): Controls {
  const at = new Map<string, Instance>(instances.map((instance) => [instance.url, instance]));
  return {
    'server.stop': async (input) => {
      const { url, signal } = input as { url: string; signal?: NodeJS.Signals };
      at.get(url)?.signal(signal ?? 'SIGTERM');
      await at.get(url)?.exited;
    },
    'server.start': async (input) => {
      const { url } = input as { url: string };
      const again = await launch?.({ PORT: new URL(url).port });
      if (again) at.set(url, again);
    },
  };
}

function serve(commands: Controls) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const command = commands[(request.url ?? '').slice(1)];
      Promise.resolve(command?.(JSON.parse(body || '{}'))).then(
        (result) => response.end(JSON.stringify(result ?? null)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  return {
    port: new Promise<number>((resolve) => {
      server.once('listening', () => resolve((server.address() as AddressInfo).port));
    }),
    close: () => void server.close(),
  };
}

function configOf(
  { urls, minter, sessions, spareSessions, origins }: RunningTarget,
  controls: readonly string[],
  port: number,
) {
  const { algorithm, secret, issuer, audience, leewayMs } = minter?.config ?? {};
  return {
    urls,
    token: { algorithm, secret, issuer, audience, leeway_ms: leewayMs },
    session: Object.fromEntries(
      [...sessions, ...spareSessions].map(({ value, user }) => [value, user]),
    ),
    origins,
    require: ['cluster'],
    control: Object.fromEntries(controls.map((name) => [name, asker(port, name)])),
  };
}

/** A command line that hands its input on to this process. */
function asker(port: number, name: string): string {
  const script = [
    "let body = ''",
    "process.stdin.on('data', (text) => { body += text })",
    `process.stdin.on('end', async () => { const answer = await fetch('http://127.0.0.1:${port}/${name}', { method: 'POST', body }); process.stdout.write(await answer.text()); process.exitCode = answer.ok ? 0 : 1 })`,
  ].join('; ');
  return `"${process.execPath}" -e "${script}"`;
}

function cli(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['bin/parlor.js', ...words], { stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
}
