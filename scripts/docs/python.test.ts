import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { claimed } from './claims.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

interface Ran {
  status: number;
  output: string;
}

function run(command: string, args: readonly string[], cwd = root): Promise<Ran> {
  // What this process was started with is not for those that it starts; of the whole run, one check is enough.
  const { VITEST: _, NODE_OPTIONS: __, NODE_TEST_CONTEXT: ___, ...rest } = process.env;
  const env = { ...rest, PARLOR_TEST_ONLY: 'chat-acked', PARLOR_TEST_TIME: '0', NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

const python = `${root}/scripts/docs/.venv/bin/python`;

describe.skipIf(!existsSync(python))('the Python of the vectors', () => {
  const [{ text = '' } = {}] = claimed(root, 'vectors in Python');

  it('accepts and rejects all of them', async () => {
    const counted = `${text}\nprint(sum(1 for _ in pathlib.Path("schemas/examples").glob("*/*/*.json")))`;
    const { status, output } = await run(python, ['-c', counted]);
    expect([status, output]).toEqual([0, expect.stringMatching(/^\d{3,}\n$/)]);
  });

  it('sees a schema that fits nothing', async () => {
    const wrong = text.replace('registry = ', 'schemas["chat.client"]["not"] = {}\nregistry = ');
    const { status, output } = await run(python, ['-c', wrong]);
    expect([status, output]).toEqual([1, expect.stringContaining('AssertionError: schemas')]);
  });
});

// The guide quotes them: a test of yours that runs the suite.
const tests = [
  ['examples/node/conforms.test.js', [process.execPath, '--test', 'conforms.test.js']],
  [
    'examples/fastapi/test_conforms.py',
    ['.venv/bin/python', '-c', 'import test_conforms; test_conforms.test_the_server_conforms()'],
  ],
] as const;

describe.skipIf(!existsSync(`${root}/examples/fastapi/.venv`))('a test that runs the suite', () => {
  it.each(tests)('passes with the server beside it: %s', async (file, [command, ...args]) => {
    const folder = join(root, dirname(file));
    const program = command.startsWith('.') ? join(folder, command) : command;
    const { status, output } = await run(program, args, folder);
    expect(output).toMatch(/[1-9]\d* passed, 0 failed/);
    expect(status).toBe(0);
  });
});
