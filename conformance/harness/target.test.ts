import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { contract, environment } from './contract.js';
import { runControl } from './control.js';
import { commandLauncher, freePort } from './process.js';
import { runConformance } from './run.js';
import { prepare, type Target } from './target.js';
import { Inconclusive, NotExercised, TargetError } from './verdict.js';

const node = (code: string) => `${JSON.stringify(process.execPath)} -e ${JSON.stringify(code)}`;
const LISTEN = "require('net').createServer().listen(process.env.PORT, process.env.HOST)";
const TOKEN = { algorithm: 'HS256', secret: 'a secret' } as const;
const end = (target: Target) => runConformance(target, { checks: [], patienceMs: 500 });

describe('a start command', () => {
  it('gets a port, and is ready when it listens', async () => {
    const instance = await commandLauncher(
      node(`console.log(process.env.PARLOR_MAX_ROOMS);${LISTEN}`),
    )(environment());
    expect(instance.running).toBe(true);
    await instance.stop();
    expect(instance.running).toBe(false);
    expect(instance.output.stdout).toBe('50\n');
  });

  it.each([
    [
      'that does not exist',
      'no-such-command-anywhere',
      /ended with status 127 before it listened .*\n.*not found/s,
    ],
    [
      'that ends at once',
      node("console.error('no database'); process.exit(3)"),
      /ended with status 3 before .*last output:\nno database/s,
    ],
    [
      'that ends by a signal',
      node("process.kill(process.pid, 'SIGKILL')"),
      /before it listened on 127\.0\.0\.1/,
    ],
    [
      'that listens elsewhere',
      node('setTimeout(() => {}, 60000)'),
      /did not listen on 127\.0\.0\.1:\d+ \(the variables HOST and PORT\) within 400 ms; it printed nothing/,
    ],
  ])('%s is explained in one sentence', async (_name, command, message) => {
    // Only what never listens is waited for; a busy machine takes its time to start the others.
    const readyMs = message.source.includes('400 ms') ? 400 : 15_000;
    const launched = commandLauncher(command, { readyMs })(environment());
    await expect(launched).rejects.toThrow(TargetError);
    await expect(launched).rejects.toThrow(message);
  });

  it.each([
    ['that the token has', { token: { ...TOKEN, leewayMs: 3_000 } }, '3000'],
    [
      'that the token has, before that of the variables',
      { token: { ...TOKEN, leewayMs: 3_000 }, env: { PARLOR_TOKEN_LEEWAY_MS: '1' } },
      '3000',
    ],
    ['of the variables', { token: TOKEN, env: { PARLOR_TOKEN_LEEWAY_MS: '2000' } }, '2000'],
    ['of nobody', {}, '0'],
  ] satisfies [string, Target, string][])('is told the leeway %s', async (_name, target, ms) => {
    const told: unknown[] = [];
    const launch = commandLauncher(node(LISTEN));
    const start = (env: Parameters<typeof launch>[0]) => {
      told.push(env['PARLOR_TOKEN_LEEWAY_MS']);
      return launch(env);
    };
    await (await prepare({ ...target, start })).stop();
    expect(told).toEqual([ms]);
  });

  it('that ignores SIGTERM is ended all the same, with what it started', async () => {
    const stubborn = node(`process.on('SIGTERM', () => {}); ${LISTEN}`);
    const instance = await commandLauncher(`${stubborn} & wait`)(environment());
    await instance.stop('SIGKILL');
    expect((await instance.exited).signal).toBe('SIGKILL');
  });
});

describe('a target that cannot be tested', () => {
  it('because nothing listens', async () => {
    const port = await freePort();
    const { exit_code, summary } = await end({ url: `ws://127.0.0.1:${port}/ws`, token: TOKEN });
    expect([exit_code, summary]).toEqual([
      4,
      expect.stringMatching(/^nothing accepts connections at 127/),
    ]);
  });

  it.each([
    ['not-a-url', 64, /is no URL/],
    ['ftp://127.0.0.1/ws', 64, /begins with ftp:\/\//],
    ['ws://127.0.0.1/ws#x', 64, /has a fragment/],
  ])('because of its address %s', async (url, code, sentence) => {
    const { exit_code, summary } = await end({ url, token: TOKEN });
    expect([exit_code, summary]).toEqual([code, expect.stringMatching(sentence)]);
  });

  it('because it serves HTTP only', async () => {
    await using server = await serving(
      createServer((_, response) => response.writeHead(404).end('no')),
    );
    const { exit_code, summary } = await end({ url: server.url, token: TOKEN });
    expect([exit_code, summary]).toEqual([
      4,
      expect.stringMatching(/no WebSocket endpoint: .* HTTP 404; check the path \/ws$/),
    ]);
  });

  it('because it says nothing', async () => {
    await using server = await serving(createTcp(() => {}));
    const { exit_code, summary } = await end({ url: server.url, token: TOKEN });
    expect([exit_code, summary]).toEqual([
      4,
      expect.stringMatching(/does not answer an opening handshake/),
    ]);
  });

  it('because it says something that is not HTTP', async () => {
    await using server = await serving(
      createTcp((socket) => socket.end('220 mail.test ESMTP\r\n')),
    );
    const { exit_code, summary } = await end({ url: server.url, token: TOKEN });
    expect([exit_code, summary]).toEqual([
      4,
      expect.stringMatching(/does not speak HTTP: .*220 mail/),
    ]);
  });

  it('because nothing is known of its tokens', async () => {
    await using server = await serving(createTcp(() => {}));
    expect((await end({ url: server.url })).exit_code).toBe(64);
  });
});

describe('a control command', () => {
  it('reads JSON and prints JSON', async () => {
    const echo = node(
      "process.stdin.on('data', (d) => process.stdout.write(JSON.stringify({ got: JSON.parse(d) })))",
    );
    await expect(runControl({ x: echo }, 'x', { a: 1 })).resolves.toEqual({ got: { a: 1 } });
  });

  it('runs in the folder that was named with it', async () => {
    const command = node('process.stdout.write(JSON.stringify(process.cwd()))');
    await expect(runControl({ x: { command, cwd: '/' } }, 'x', {})).resolves.toBe('/');
    await expect(runControl({ x: command }, 'x', {})).resolves.toBe(process.cwd());
  });

  it.each([
    ['is missing', {}, NotExercised, "no control command 'x'"],
    [
      'fails',
      { x: node("console.error('no such session'); process.exit(1)") },
      Inconclusive,
      'ended with status 1: no such session',
    ],
    [
      'prints no JSON',
      { x: node("console.log('done')") },
      Inconclusive,
      'has to print JSON, it printed "done',
    ],
  ])('that %s says so', async (_name, commands, kind, message) => {
    const run = runControl(commands, 'x', {});
    await expect(run).rejects.toThrow(kind);
    await expect(run).rejects.toThrow(message);
  });
});

it('has a contract without doubles, whose defaults can be overridden and taken away', () => {
  const names = contract.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const env = environment({ PARLOR_MAX_ROOMS: '3', PARLOR_GRACE_MS: undefined });
  expect(env['PARLOR_MAX_ROOMS']).toBe('3');
  expect(env).not.toHaveProperty('PARLOR_GRACE_MS');
});

interface Listening {
  listen(port: number, host: string, done: () => void): unknown;
  close(done: () => void): unknown;
  address(): AddressInfo | string | null;
  on(event: 'connection', listener: (socket: Socket) => void): unknown;
}

async function serving(server: Listening) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    // What the runner does to its connections is no error of this server.
    sockets.add(socket.on('error', () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
