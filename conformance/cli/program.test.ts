import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { parseConfig } from '../config.js';
import { run as runCommand } from './fixtures/run.js';
import type { Io } from './io.js';
import { packageRoot, packageVersion } from './package.js';

let cwd = '';
const servers: Server[] = [];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'parlor-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));
afterAll(() => {
  for (const server of servers) server.close();
});

const run = (args: readonly string[], given: Partial<Io> = {}) =>
  runCommand(args, { cwd, ...given });

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
}

const ONE_SENTENCE = /^parlor: [^\n]+\n$/;

describe('bad input is told in one sentence', () => {
  it.each([
    [['test'], 'there is nothing to test'],
    [['test', 'foo://x'], "takes a URL such as ws://127.0.0.1:8080/ws, not 'foo://x'"],
    [['test', 'localhost:80/ws'], "'localhost:80/ws' is neither a URL"],
    [['test', 'ws://127.0.0.1:1/ws'], 'the runner mints its own tokens'],
    [['test', '--ulr', 'x'], "unknown option '--ulr' (Did you mean --url?)"],
    [['test', '--url'], "option '--url <url>' argument missing"],
    [['test', '--start', 'x', 'romms'], "is called 'romms'; did you mean 'rooms'?"],
    [['test', '--start', 'x', '--skip', 'xyzzy'], "is called 'xyzzy'; parlor list names them all"],
    [
      ['test', '--start', 'x', '--only', 'rooms', '--skip', 'rooms'],
      'the selection leaves no check to run',
    ],
    // What follows a list belongs to it, up to the next flag or the target.
    [['test', '--start', 'x', '--skip', 'rooms', 'xyzzy'], '--skip: no chapter'],
    [['test', '--start', 'x', '--only', 'rooms', 'xyzzy'], '--only: no chapter'],
    [['test', '--start', 'x', '--skip=rooms', 'xyzzy'], '--skip: no chapter'],
    [
      ['test', '--start', 'x', '--only', 'rooms', 'chat', '--skip', 'rooms', 'chat'],
      'the selection leaves no check to run',
    ],
    [['test', '--start', 'x', '--profile', 'core', 'xyzzy'], '--profile: no profile'],
    [['test', '--start', 'x', '--require', 'core', 'xyzzy'], '--require: no profile'],
    [
      ['test', '--skip', 'chat', 'foo://x'],
      "takes a URL such as ws://127.0.0.1:8080/ws, not 'foo://x'",
    ],
    [['test', '--skip', 'ws://127.0.0.1:1/ws'], '--skip names nothing before the target'],
    [['test', '--start', 'x', '--shard', '0/2'], '--shard takes i/n'],
    [
      ['test', '--start', 'x', '--require', 'sesion'],
      "is called 'sesion'; did you mean 'session'?",
    ],
    [['test', '--start', 'x', '--report', 'pdf=x'], "'pdf=x' has 'pdf'"],
    [['test', '--start', 'x', '--report', 'json=/dev/null/x'], 'cannot be written: '],
    [['test', '--config', 'none.json'], 'none.json cannot be read: ENOENT'],
    [['test', '--start', 'x', '--known-failures', 'none.json'], 'none.json cannot be read: ENOENT'],
    [['explain', 'rooms-no-leak'], "did you mean 'rooms-no-leak-to-strangers'?"],
    [['explain'], "missing required argument 'rule'"],
    [['list', 'xyzzy'], "parlor list: no chapter, rule or prefix of rules is called 'xyzzy'"],
    [['diff', 'a.json', 'b.json'], 'a.json cannot be read as a report: ENOENT'],
    [['init'], 'nobody is here to answer'],
    [['init', '--url', 'http://x'], "'http://x' is no WebSocket URL"],
    [['tset'], "unknown command 'tset' (Did you mean test?)"],
  ])('%j', async (args, message) => {
    const { code, out, err } = await run(args);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(message);
    expect(err).toMatch(ONE_SENTENCE);
  });

  it('names a typo in a config by place and key', async () => {
    writeFileSync(join(cwd, 'parlor.config.json'), '{\n  "tokne": {}\n}');
    const { code, err } = await run(['test']);
    expect(code).toBe(64);
    expect(err).toMatch(
      /parlor\.config\.json:2:3: the config has no key 'tokne'; did you mean 'token'\?\n$/,
    );
  });
});

describe('a target that cannot be tested', () => {
  it('is told where nothing listens', async () => {
    const { code, out, err } = await run(['test', 'ws://127.0.0.1:1/ws', '--token-secret', 'shhh']);
    expect([code, out]).toEqual([4, '']);
    expect(err).toMatch(/^parlor: nothing accepts connections at 127\.0\.0\.1:1: [^\n]+\n$/);
  });

  it('is told where the server is none for WebSocket', async () => {
    const url = await listen(createServer((_, response) => response.writeHead(404).end('no')));
    const { code, err } = await run(['test', url, '--token-secret', 'shhh']);
    expect(code).toBe(4);
    expect(err).toMatch(
      /^parlor: ws:\S+ is no WebSocket endpoint: it answers an opening handshake with HTTP 404[^\n]*\n$/,
    );
  });

  it('is told where the command does not start', async () => {
    const { code, err } = await run(['test', '--start', 'echo broken >&2; exit 7']);
    expect(code).toBe(4);
    expect(err).toMatch(/^parlor: the start command 'echo broken >&2; exit 7' ended with status 7/);
    expect(err).not.toMatch(/^\s+at /m);
  });

  it('still gets its reports, all of them red', async () => {
    const report = ['json=r.json', 'junit=r.xml', 'html=r.html'].flatMap((each) => [
      '--report',
      each,
    ]);
    await run(['test', 'ws://127.0.0.1:1/ws', '--token-secret', 'shhh', ...report]);
    const read = (name: string) => readFileSync(join(cwd, name), 'utf8');
    expect(JSON.parse(read('r.json'))).toMatchObject({
      exit_code: 4,
      target: { urls: ['ws://127.0.0.1:1/ws'] },
    });
    expect(read('r.xml')).toContain('<error message="nothing accepts connections');
    expect(read('r.html')).toContain('Could not be tested');
  });
});

describe('a target that runs', () => {
  it('fails with 1 where it breaks the protocol, and the failures come first', async () => {
    const http = createServer();
    const websockets = new WebSocketServer({ server: http });
    websockets.on('connection', (socket) => socket.close(1000));
    const url = await listen(http);
    const { code, out } = await run([
      'test',
      url,
      '--token-secret',
      'shhh-secret',
      '--only',
      'chat',
      '--report',
      'ndjson=n',
    ]);
    expect(code).toBe(1);
    const lines = out.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^0 passed, \d+ failed, \d+ skipped$/);
    expect(out).toMatch(
      /^ {2}again npx parlor test ws:\S+ --token-secret "\$PARLOR_TEST_TOKEN_SECRET" --only chat-/m,
    );
    const events = readFileSync(join(cwd, 'n'), 'utf8');
    expect(events).not.toContain('shhh-secret');
    expect(events).not.toMatch(/eyJ[\w-]+\.eyJ/);
    websockets.close();
  });

  it('ends at once when it is interrupted', async () => {
    const http = createServer();
    const websockets = new WebSocketServer({ server: http });
    const url = await listen(http);
    const interrupt = new AbortController();
    const report = ['--report', 'json=r.json'];
    setTimeout(() => interrupt.abort(), 300);
    const { code } = await run(['test', url, '--token-secret', 'shhh', ...report], {
      signal: interrupt.signal,
    });
    for (const client of websockets.clients) client.terminate();
    websockets.close();
    expect(code).not.toBe(0);
  });
});

describe('parlor list', () => {
  it('prints every rule as JSON, with its checks and mutants', async () => {
    const { code, out } = await run(['list', '--json', 'rooms']);
    expect(code).toBe(0);
    const rules: Record<string, unknown>[] = JSON.parse(out);
    const found = rules.find(({ id }) => id === 'rooms-no-leak-to-strangers');
    expect(found).toMatchObject({ level: 'must', chapter: 'rooms', profile: 'core' });
    expect(found?.['checks']).toContainEqual(expect.stringMatching(/^rooms-no-leak-to-strangers/));
    expect(rules.every(({ chapter }) => chapter === 'rooms')).toBe(true);
  });

  it('prints a line a rule, and ends with the counts', async () => {
    const { out } = await run(['list']);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/^\d+ rules, \d+ checks, \d+ mutants$/);
  });
});

describe('parlor explain', () => {
  it('tells sentence, reason, test and proof', async () => {
    const { code, out } = await run(['explain', 'rooms-no-leak-to-strangers']);
    expect(code).toBe(0);
    for (const part of [
      'A server MUST NOT',
      'spec/rooms.md#rooms-no-leak-to-strangers',
      'Why',
      'How it is tested',
      'run it npx parlor test --only',
    ]) {
      expect(out).toContain(part);
    }
  });

  it('takes the id of a check, as reports print it', async () => {
    const { out } = await run(['list', '--json', 'rooms-no-leak-to-strangers']);
    const [check] = JSON.parse(out)[0].checks;
    const explained = await run(['explain', '--json', check]);
    expect(JSON.parse(explained.out)).toMatchObject({ id: 'rooms-no-leak-to-strangers' });
  });
});

describe('parlor diff', () => {
  it('exits with 1 when something got worse', async () => {
    const check = { check: 'a', rule: 'a', verdict: 'pass' };
    const report = { schema: 1, duration_ms: 1, findings: [], not_exercised: [] };
    writeFileSync(join(cwd, 'a.json'), JSON.stringify({ ...report, checks: [check] }));
    writeFileSync(
      join(cwd, 'b.json'),
      JSON.stringify({ ...report, checks: [{ ...check, verdict: 'fail' }] }),
    );
    const worse = await run(['diff', 'a.json', 'b.json']);
    expect([worse.code, worse.out.split('\n').slice(0, 2)]).toEqual([
      1,
      ['worse', '  a  passed → failed'],
    ]);
    expect((await run(['diff', 'b.json', 'a.json'])).code).toBe(0);
  });

  it('refuses what is no report', async () => {
    writeFileSync(join(cwd, 'a.json'), '{}');
    const { code, err } = await run(['diff', 'a.json', 'a.json']);
    expect([code, err]).toEqual([64, expect.stringMatching(/^parlor: a\.json is no report: /)]);
  });
});

describe('parlor init', () => {
  it('writes a config that it reads itself, and a workflow', async () => {
    const { code, out } = await run(['init', '--yes']);
    expect([code, out]).toEqual([
      0,
      'wrote parlor.config.jsonc\nwrote .github/workflows/parlor.yml\nnext: npx parlor test\n',
    ]);
    const text = readFileSync(join(cwd, 'parlor.config.jsonc'), 'utf8');
    expect(parseConfig(text, 'c')).toMatchObject({ start: 'node server.js', require: ['core'] });
    expect(text).not.toContain('\n\n\n');
  });

  it('names a schema that is where it says, once parlor is installed', async () => {
    await run(['init', '--url', 'ws://127.0.0.1:8080/ws', '--no-ci']);
    const config = parseConfig(readFileSync(join(cwd, 'parlor.config.jsonc'), 'utf8'), 'c');
    expect(config).toMatchObject({ url: 'ws://127.0.0.1:8080/ws', token: { algorithm: 'HS256' } });
    const path = config.$schema?.replace('./node_modules/parlor/', '') ?? '';
    const schema = JSON.parse(readFileSync(join(packageRoot, path), 'utf8'));
    expect(new Ajv2020({ strict: true }).validate(schema, config)).toBe(true);
    expect(existsSync(join(cwd, '.github'))).toBe(false);
  });

  it('overwrites nothing unless told to', async () => {
    await run(['init', '--yes']);
    const again = await run(['init', '--yes']);
    expect([again.code, again.err]).toEqual([
      64,
      'parlor: parlor.config.jsonc is already there; --force overwrites it\n',
    ]);
    expect((await run(['init', '--yes', '--force'])).code).toBe(0);
  });

  it('asks where somebody can answer', async () => {
    const asked: string[] = [];
    const answers = ['ws://127.0.0.1:9/ws', 'n'];
    const ask = async (question: string) => {
      asked.push(question);
      return answers.shift() ?? '';
    };
    const { code } = await run(['init'], { ask });
    expect([code, asked.length]).toEqual([0, 2]);
    expect(parseConfig(readFileSync(join(cwd, 'parlor.config.jsonc'), 'utf8'), 'c').url).toBe(
      'ws://127.0.0.1:9/ws',
    );
    expect(existsSync(join(cwd, '.github'))).toBe(false);
  });
});

describe('help', () => {
  it.each([[['--help']], [['test', '--help']], [['help', 'explain']]])(
    '%j fits 80 columns',
    async (args) => {
      const { code, out } = await run(args);
      expect(code).toBe(0);
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
  );

  it('is shown, as an error, where nothing was asked', async () => {
    const { code, err } = await run([]);
    expect([code, err]).toEqual([64, expect.stringContaining('Usage: parlor')]);
  });

  it('prints the version', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, out: `${packageVersion()}\n` });
  });
});
