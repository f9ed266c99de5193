import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Action {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { steps: { id: string; run: string; shell: string; env?: Record<string, string> }[] };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const action: Action = parse(readFileSync(join(root, 'action.yml'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'parlor-action-'));
afterAll(() => rmSync(folder, { recursive: true }));

const source = `--conditions=source --import ${join(root, 'node_modules/tsx/dist/loader.mjs')}`;

interface Job {
  code: number | null;
  out: string;
  summary: string;
  outputs: Record<string, string>;
}

let jobs = 0;

// What GitHub does with a composite action, as far as this one makes use of it.
async function job(given: Record<string, string>): Promise<Job> {
  jobs += 1;
  const cwd = mkdtempSync(join(folder, `${jobs}-`));
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([name, { default: value = '' }]) => [
      name,
      given[name] ?? value,
    ]),
  );
  expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
  const steps: Record<string, Record<string, string>> = {};
  const filled = (text: string) =>
    text.replace(
      /\$\{\{ (?:inputs\.([\w-]+)|steps\.(\w+)\.outputs\.([\w-]+)) \}\}/g,
      (_, ...found) => {
        const [input, step, output] = found as (string | undefined)[];
        return (input ? inputs[input] : steps[step ?? '']?.[output ?? '']) ?? '';
      },
    );
  const files = { GITHUB_OUTPUT: join(cwd, 'output'), GITHUB_STEP_SUMMARY: join(cwd, 'summary') };
  const ended = { code: 0 as number | null, out: '' };
  for (const { id, run, shell, env = {} } of action.runs.steps) {
    expect(shell).toBe('bash');
    expect(run, 'what an input says is never part of a script').not.toContain('${{');
    for (const file of Object.values(files)) writeFileSync(file, '');
    const own = Object.entries(env).map(([name, value]) => [name, filled(value)]);
    const { code, out } = await bash(run, cwd, {
      ...Object.fromEntries(own),
      ...files,
      GITHUB_ACTION_PATH: root,
      NODE_OPTIONS: source,
      NO_COLOR: '1',
    });
    ended.out += out;
    ended.code = code;
    steps[id] = outputsIn(readFileSync(files.GITHUB_OUTPUT, 'utf8'));
    if (code !== 0) break;
  }
  const outputs = Object.entries(action.outputs).map(([name, { value }]) => [name, filled(value)]);
  return {
    ...ended,
    summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'),
    outputs: Object.fromEntries(outputs),
  };
}

function bash(script: string, cwd: string, env: Record<string, string>) {
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd,
    env: { ...process.env, ...env },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      out += chunk;
    });
  return new Promise<{ code: number | null; out: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, out })),
  );
}

function outputsIn(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      expect(line).toMatch(/^[\w-]+=/);
      return [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
    }),
  );
}

// Its output looks like a command of GitHub's; it answers HTTP, and no WebSocket.
const WRONG = `node -e "
  console.log('::add-mask::a');
  require('http').createServer((q, s) => s.end()).on('upgrade', (q, s) => s.end('HTTP/1.1 101 x\\r\\n\\r\\n')).listen(process.env.PORT)"`;
const RIGHT = `node ${join(root, 'reference-server/main.ts')}`;

describe('the action', () => {
  it('is green where the server conforms, and tells the job', async () => {
    const { code, out, summary, outputs } = await job({
      start: RIGHT,
      only: 'chat-echoed-to-sender,handshake-welcome-first',
      time: '0',
    });
    expect([code, out]).toEqual([0, expect.stringMatching(/^[1-9]\d* passed, 0 failed/m)]);
    expect(out).not.toContain('::error');
    expect(summary).toMatch(/^## ✅ The target conforms/);
    expect(outputs).toMatchObject({ 'exit-code': '0', failed: '0', skipped: '0' });
    expect(outputs['summary']).toMatch(/^The target conforms in/);
    for (const name of ['index.html', 'report.json', 'junit.xml'])
      expect(existsSync(join(outputs['report'] ?? '', name))).toBe(true);
  });

  it('is red where it does not, with an annotation for each root cause', async () => {
    const { code, out, summary, outputs } = await job({ start: WRONG, profile: 'transport' });
    expect([code, outputs['exit-code']]).toEqual([1, '1']);
    const [, token = 'none'] = /^::stop-commands::(\S+)$/m.exec(out) ?? [];
    const [said = '', after = ''] = out.split(`::${token}::`).slice(-2);
    expect(said).not.toMatch(/^::error/m);
    expect(after).toMatch(
      /^::error title=[\w/-]+ \(must\)::A (server|client) MUST.*%0Aexpected: /m,
    );
    expect(summary).toMatch(/^## ❌ /);
    expect(Number(outputs['failed'])).toBeGreaterThan(0);
  });

  it('says what was wrong with its inputs, and with a target that does not start', async () => {
    const usage = await job({ start: RIGHT, 'fail-on': 'may' });
    expect([usage.code, usage.outputs['exit-code'], usage.outputs['summary']]).toEqual([
      64,
      '64',
      '',
    ]);
    expect(usage.out).toContain("parlor: PARLOR_TEST_FAIL_ON takes must or should, not 'may'");
    const dead = await job({ start: 'echo ::error::no >&2; exit 1' });
    expect([dead.code, dead.outputs['exit-code']]).toEqual([4, '4']);
    expect(dead.outputs['summary']).toContain('ended with status 1 before it listened');
    expect(dead.out).toMatch(/^::error title=parlor::the start command/m);
  });
});
