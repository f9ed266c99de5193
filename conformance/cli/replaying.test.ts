import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment } from '#conformance/harness/contract.js';
import type { Instance } from '#conformance/harness/process.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { state } from '#conformance/mutants/state.js';
import type { Failed } from '#conformance/properties/index.js';
import { run as runCommand } from './fixtures/run.js';

const SECRET = 'a-secret-of-thirty-two-bytes-or-more';
const RULE = 'resume-duplicate-same-ack';
const ENV = environment({ PARLOR_TOKEN_SECRET: SECRET, PORT: '0' });
/** The flags for the credentials that this server accepts, and how a report prints them. */
const CLAIMS = ['--token-issuer', 'https://issuer.test', '--token-audience', 'parlor-test'];
const FLAGS = ['--token-secret', SECRET, ...CLAIMS];
let cwd = '';
let faulty: Instance;
let right: Instance;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'parlor-'));
  const mutant = state.find(({ name }) => name === 'dedup-forgets-under-way');
  if (!mutant) throw new Error('the fault is gone');
  faulty = await launcher(mutant)(ENV);
  right = await launcher({ parts: () => ({}) })(ENV);
});
afterAll(async () => {
  await faulty.stop();
  await right.stop();
  rmSync(cwd, { recursive: true });
});

const run = (args: readonly string[]) =>
  runCommand(args, { cwd, env: { PARLOR_TEST_TOKEN_SECRET: SECRET } });

/** The words of a command line, as a shell makes them. */
function words(line: string): string[] {
  const [shell, ...flags] = ['sh', '-c', `printf '%s\\n' ${line}`];
  const env = { ...process.env, PARLOR_TEST_TOKEN_SECRET: SECRET };
  return execFileSync(shell, flags, { env, encoding: 'utf8' }).trimEnd().split('\n');
}

const folder = () => join(cwd, '.parlor', 'failures');
const store = (name: string, text: string) => writeFileSync(join(cwd, name), text);
const saved = (): Failed => {
  const [name = ''] = readdirSync(folder()).filter((each) => each.startsWith(RULE));
  return JSON.parse(readFileSync(join(folder(), name), 'utf8'));
};

describe('a conversation that fails', () => {
  it('is saved, held again by the command that the report prints, and judged again', async () => {
    const only = `${RULE}/conversations`;
    const first = await run(['test', faulty.url, ...FLAGS, '--only', only]);
    expect([first.code, first.err]).toEqual([1, '']);
    expect(first.out).toContain('smallest script, fails in');
    const [, printed = ''] = /^ {2}again (npx parlor replay .+)$/m.exec(first.out) ?? [];
    expect(printed).toBe(
      `npx parlor replay ${saved().id} ${faulty.url} ${CLAIMS.join(' ')} --token-secret "$PARLOR_TEST_TOKEN_SECRET"`,
    );

    const again = await run(words(printed).slice(2));
    expect(again.code).toBe(1);
    expect(again.out).toContain(`FAIL ${RULE}/replay`);
    expect(again.out).toContain(`again ${printed}`);
    expect(again.out.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped');

    const judged = await run(['recheck', saved().id]);
    expect(judged.code).toBe(1);
    expect(judged.out).toContain(`FAIL ${RULE}/recheck`);
    expect(judged.out).toMatch(/expected {4}\S/);
    expect(judged.out).toContain('→ chat attic');
    expect(judged.out.trimEnd().split('\n').at(-1)).toBe(`the stored trace breaks ${RULE}`);
  }, 60_000);

  it('passes with a server that is mended', async () => {
    const { code, out } = await run(['replay', saved().id, right.url, ...FLAGS]);
    expect([code, out.trimEnd().split('\n').at(-1)]).toEqual([0, '1 passed, 0 failed, 0 skipped']);
  }, 60_000);

  it('is found by the path of its file too', async () => {
    const path = join('.parlor', 'failures', `${saved().id}.json`);
    const { code, out } = await run(['recheck', path, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ id: saved().id, rule: RULE, broken: true });
  });

  it('is told apart from one whose trace breaks nothing', async () => {
    const failed = saved();
    store('right.json', JSON.stringify({ ...failed, trace: { ...failed.trace, entries: [] } }));
    const { code, out } = await run(['recheck', 'right.json']);
    expect([code, out.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      `the stored trace does not break ${RULE}`,
    ]);
  });
});

describe.each(['replay', 'recheck'])('parlor %s refuses in one sentence', (command) => {
  const failure = (change: object) => JSON.stringify({ ...saved(), ...change });
  it.each([
    ['no-such-id', () => '', "there is no failure 'no-such-id' in .parlor/failures"],
    ['none.json', undefined, 'none.json cannot be read: ENOENT'],
    ['text.json', () => 'text', 'text.json is no JSON: '],
    ['list.json', () => '[]', 'list.json is no failure of a conversation: an object is expected'],
    ['empty.json', () => '{}', 'schema is to be 1, not undefined'],
    ['rule.json', () => failure({ rule: 'x' }), 'conversations are not judged by a rule "x"'],
    ['script.json', () => failure({ script: 5 }), 'script: an object with clients'],
    ['trace.json', () => failure({ trace: {} }), 'trace: a namespace and entries are expected'],
    [
      'entry.json',
      () => failure({ trace: { ...saved().trace, entries: [{ kind: 'x' }] } }),
      'trace: entries[0].kind is "x", none of open',
    ],
    [
      'message.json',
      () =>
        failure({
          trace: { ...saved().trace, entries: [{ kind: 'send', at: 1, connection: 0 }] },
        }),
      'trace: entries[0].connection is 0, which is not open',
    ],
  ])('%s', async (name, text, sentence) => {
    if (text && name.endsWith('.json')) store(name, text());
    const { code, out, err } = await run([command, name]);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(sentence);
    expect(err).toMatch(/^parlor: [^\n]+\n$/);
  });
});
