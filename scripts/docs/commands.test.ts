import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '#conformance/cli/fixtures/run.js';
import { requirements } from '#conformance/harness/requirements.js';
import { claimed } from './claims.js';
import { World } from './fixtures/commands.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};
const texts = ['README.md', 'CONTRIBUTING.md', ...guides()].map(
  (name) => [name, readFileSync(`${root}/${name}`, 'utf8')] as const,
);

function guides(): string[] {
  return ['docs', 'docs/tutorial'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  );
}

/** The commands in a shell block, without comments. */
const commandsIn = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');

/** The commands that a text names in passing. */
const named = (text: string): string[] =>
  [...text.matchAll(/`((?:npm run|npx parlor|parlor) [^`]+)`/g)].map(([, line = '']) => line);

/** The help of a command of parlor; null where it has none of that name. */
async function help(command: string): Promise<string | null> {
  const { code, out } = await run([command, '--help']);
  return code === 0 && out.includes(`parlor ${command}`) ? out : null;
}

/** What is wrong with a command: nothing, or a sentence. */
async function faults(line: string): Promise<string[]> {
  const found: string[] = [];
  for (const [, script = ''] of line.matchAll(/npm run ([\w:]+)/g))
    if (!scripts[script]) found.push(`no npm script is called ${script}`);
  for (const [path] of line.matchAll(/(?<![\w./])(scripts|examples)\/[\w./-]+/g))
    if (!existsSync(`${root}/${path}`)) found.push(`there is no ${path}`);
  const [, command, rest = ''] = /\bparlor (\w+)(.*)$/.exec(line) ?? [];
  if (!command) return found;
  const known = await help(command);
  if (known === null) return [...found, `parlor has no command ${command}`];
  for (const [, flag = ''] of rest.matchAll(/ --([a-z-]+)/g))
    if (!known.includes(`--${flag} `)) found.push(`parlor ${command} has no flag --${flag}`);
  return found;
}

describe('the commands that README and guides name', () => {
  it.each(texts)('exist: %s', async (_, text) => {
    const told = await Promise.all(
      named(text).map(async (line) => (await faults(line)).map((fault) => `${line}: ${fault}`)),
    );
    expect(told.flat()).toEqual([]);
  });

  it('are seen to be wrong where they are', async () => {
    const wrong = 'npm run nothing && scripts/none && npx parlor test --nonsense';
    expect(await faults(wrong)).toHaveLength(3);
    expect(await faults('npx parlor dance')).toEqual(['parlor has no command dance']);
  });
});

// With npx or without it is the same command.
const lines = [
  ...new Set(
    claimed(root, 'commands')
      .flatMap(({ text }) => commandsIn(text))
      .map((line) => line.replace(/\bnpx (?=parlor )/, '')),
  ),
];
const told = (sentence: string) => process.stdout.write(`${sentence}\n`);

/** What is not run here, and why. */
const elsewhere: readonly [RegExp, string][] = [
  [/^docker /, 'needs a container engine and its registry; hadolint reads the Dockerfile'],
  [/^(npm |scripts\/setup)/, 'is a step of .ci/run, which runs the tests themselves'],
];

describe('the commands of the blocks', () => {
  const reasonOf = (line: string) => elsewhere.find(([which]) => which.test(line))?.[1];
  const world = new World(root);
  beforeAll(() => world.open());
  afterAll(() => world.close());

  it('that are not run here are few, and have a reason', () => {
    const idle = lines.filter((line) => reasonOf(line) !== undefined);
    for (const line of idle) told(`not run: ${line}: ${reasonOf(line)}`);
    expect(idle.length).toBeLessThanOrEqual(6);
    const gate = readFileSync(`${root}/.ci/run`, 'utf8');
    const steps = idle.flatMap((line) => (line.startsWith('docker') ? [] : line.split(' && ')));
    expect(steps.filter((step) => !gate.includes(`' ${step}\n`))).toEqual([]);
  });

  it.for(lines.filter((line) => reasonOf(line) === undefined))(
    'do what they are for: %s',
    async (line, { skip }) => {
      const lacking = world.lacking(line);
      if (lacking) skip(lacking);
      const { code, out, wanted } = await world.run(line);
      expect(out).toMatch(wanted);
      expect([0, ...allowed(line)]).toContain(code);
    },
  );
});

// One check of the run is enough here: too few for a gate, and perhaps one that the tutorial's server fails.
const allowed = (line: string): number[] => [
  ...(/--min-checks/.test(line) ? [3] : []),
  ...(/tutorial|selftest/.test(line) ? [1] : []),
];

describe('the rules that README and guides name', () => {
  it.each(texts)('exist: %s', (_, text) => {
    const named = [...text.matchAll(/(?:explain |spec\/\w+\.md#|"rule": ")([a-z0-9-]+-[a-z0-9]+)/g)]
      .map(([, id = '']) => id)
      .filter((id) => CHAPTERS.has(id.split('-')[0] ?? ''));
    expect(named.filter((id) => !(id in requirements))).toEqual([]);
  });
});

const CHAPTERS = new Set(Object.values(requirements).map(({ chapter }) => chapter));
