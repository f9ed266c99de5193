import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '#conformance/cli/fixtures/run.js';
import { requirements } from '#conformance/harness/requirements.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};
const texts = ['README.md', ...guides()].map(
  (name) => [name, readFileSync(`${root}/${name}`, 'utf8')] as const,
);

function guides(): string[] {
  return ['docs', 'docs/tutorial'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  );
}

/** The lines of a page's shell blocks, without comments. */
function shell(text: string): string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== ''),
  );
}

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

describe('the commands of README and guides', () => {
  it.each(texts)('exist: %s', async (_, text) => {
    const told = await Promise.all(
      shell(text).map(async (line) => (await faults(line)).map((fault) => `${line}: ${fault}`)),
    );
    expect(told.flat()).toEqual([]);
  });

  it('are seen to be wrong where they are', async () => {
    const wrong = 'npm run nothing && scripts/none && npx parlor test --nonsense';
    expect(await faults(wrong)).toHaveLength(3);
    expect(await faults('npx parlor dance')).toEqual(['parlor has no command dance']);
  });
});

describe('the rules that README and guides name', () => {
  it.each(texts)('exist: %s', (_, text) => {
    const named = [...text.matchAll(/(?:explain |spec\/\w+\.md#|"rule": ")([a-z0-9-]+-[a-z0-9]+)/g)]
      .map(([, id = '']) => id)
      .filter((id) => CHAPTERS.has(id.split('-')[0] ?? ''));
    expect(named.filter((id) => !(id in requirements))).toEqual([]);
  });
});

const CHAPTERS = new Set(Object.values(requirements).map(({ chapter }) => chapter));
