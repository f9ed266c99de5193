import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestCase } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));
const onPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)));

/** What tests need from the system, and whether it is there. */
const needs: readonly [string, boolean][] = [
  ...['redis-server', 'go'].map((name) => [name, onPath(name)] as [string, boolean]),
  ['chromium', existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium')],
  ...['examples/fastapi', 'examples/tutorial', 'examples/cluster', 'scripts/docs'].map(
    (folder) => [`${folder}/.venv`, existsSync(`${root}${folder}/.venv`)] as [string, boolean],
  ),
];

/** The line that says what is missing; undefined where nothing is. */
export function missingLine(
  found: readonly (readonly [string, boolean])[],
  skipped: number,
): string | undefined {
  const missing = found.flatMap(([name, there]) => (there ? [] : [name]));
  if (missing.length === 0) return undefined;
  const tests = `${skipped} test${skipped === 1 ? ' was' : 's were'} skipped`;
  return `missing: ${missing.join(', ')}; ${tests}. scripts/setup installs what is missing.`;
}

/** Says at the end of a run which things of the system the tests went without, and how to get them. */
export default class Missing implements Reporter {
  #skipped = 0;

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'skipped') this.#skipped += 1;
  }

  onTestRunEnd(): void {
    const line = missingLine(needs, this.#skipped);
    if (line !== undefined) process.stdout.write(`${line}\n`);
  }
}
