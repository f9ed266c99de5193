import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'parlor-'));
afterAll(() => rmSync(folder, { recursive: true }));

const source = ['--conditions=source', '--import', 'tsx'];
const reference = `node ${source.join(' ')} ${join(root, 'reference-server/main.ts')}`;

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function parlor(
  args: string[],
  from = [...source, join(root, 'conformance/main.ts')],
): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
  const child = spawn(process.execPath, [...from, ...args], { cwd: root, env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

// What somebody may write who has only his own library at hand.
const MINT = `
  const claims = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = text({ alg: 'HS256' }) + '.' + text(claims);
  const hmac = require('node:crypto').createHmac('sha256', process.env.SECRET);
  console.log(input + '.' + hmac.update(input).digest('base64url'));
`;

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const lastLine = ({ out }: Ended) => out.trimEnd().split('\n').at(-1);

describe('the process', () => {
  it('exits with 0 where the server conforms, and ends with the totals', async () => {
    const ended = await parlor([
      'test',
      '--start',
      reference,
      '--only',
      'chat',
      '--report',
      `json=${join(folder, 'r.json')}`,
    ]);
    expect([ended.code, ended.err]).toEqual([0, '']);
    expect(lastLine(ended)).toMatch(/^[1-9]\d* passed, 0 failed, \d+ skipped$/);
    const { exit_code, totals } = JSON.parse(readFileSync(join(folder, 'r.json'), 'utf8'));
    expect([exit_code, totals.fail]).toEqual([0, 0]);
  });

  it('exits with 2 where a known failure passes, or names no rule', async () => {
    const entries = [
      { rule: 'chat-echoed-to-sender', reason: 'x' },
      { rule: 'chat-nothing', reason: 'y' },
    ];
    const ended = await parlor([
      'test',
      '--start',
      reference,
      '--only',
      'chat',
      '--known-failures',
      file('known.json', entries),
    ]);
    expect(ended.code).toBe(2);
    expect(ended.out).toContain("'chat-nothing' names no rule");
  });

  it('exits with 3 where nothing could be decided', async () => {
    const ended = await parlor([
      'test',
      '--start',
      reference,
      '--only',
      'operations-health-degraded',
    ]);
    expect([ended.code, lastLine(ended)]).toEqual([3, '0 passed, 0 failed, 1 skipped']);
  });

  it('takes tokens of a command, and says why it cannot forge any', async () => {
    const secret = 'thirty-two bytes are enough for it';
    const line = `node ${script('mint.cjs', MINT)}`;
    const content = {
      start: `cd ${root} && exec ${reference}`,
      env: { PARLOR_TOKEN_SECRET: secret },
    };
    const config = (command: string) => file('mint.json', { ...content, token: { command } });
    const ended = await parlor([
      'test',
      '--config',
      config(`SECRET='${secret}' ${line}`),
      '--only',
      'chat-echoed-to-sender',
      'authentication-expired',
      'authentication-alg-none-refused',
      '--time',
      '0',
    ]);
    expect([ended.code, ended.err]).toEqual([0, '']);
    expect(ended.out).toMatch(/a command mints the tokens: the runner has no key to forge one/);
    expect(lastLine(ended)).toMatch(/^[1-9]\d* passed, 0 failed, [1-9]\d* skipped$/);
    const broken = await parlor(['test', '--config', config('echo no key there >&2; exit 7')]);
    expect([broken.code, broken.out, broken.err]).toEqual([
      4,
      '',
      'parlor: the token command ended with status 7: no key there\n',
    ]);
  });

  it('exits with 64 and one sentence where it was called wrongly', async () => {
    const ended = await parlor(['test', '--config', file('c.json', { ulr: 'x' })]);
    expect([ended.code, ended.out]).toEqual([64, '']);
    expect(ended.err).toMatch(
      /^parlor: \S+c\.json:1:2: the config has no key 'ulr'; did you mean 'url'\?\n$/,
    );
  });

  it('says what to do where it was not built', async () => {
    cpSync(join(root, 'bin'), join(folder, 'package/bin'), { recursive: true });
    writeFileSync(join(folder, 'package/package.json'), '{"type":"module"}');
    const ended = await parlor(['list'], [join(folder, 'package/bin/parlor.js')]);
    expect(ended).toEqual({
      code: 64,
      out: '',
      err: 'parlor: this checkout is not built yet: run `npm run build` in it.\n',
    });
  });
});
