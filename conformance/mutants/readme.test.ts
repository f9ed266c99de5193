import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '#conformance/harness/check.js';
import { claimed } from '../../scripts/docs/claims.js';
import { judge } from './gate.js';
import { mutants } from './index.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const [block] = claimed(root, 'check');
// Beside the checks, where its imports are found as theirs are.
const file = `${root}/conformance/checks/readme.${process.pid}.tmp.ts`;

beforeAll(() => writeFileSync(file, block?.text ?? ''));
afterAll(() => rmSync(file));

describe('the check that the README shows', () => {
  it('compiles', () => {
    const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
    const program = ts.createProgram([file], { ...options, noEmit: true });
    const told = ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText);
    expect(told).toEqual([]);
  });

  it('passes with a right server, and fails with a wrong one', async () => {
    const { rooms } = (await import(pathToFileURL(file).href)) as { rooms: Check[] };
    const wrong = mutants.find(({ rule }) => rule === 'rooms-no-leak-to-strangers');
    if (!wrong) throw new Error('expected a mutant of the rule, found none');
    const verdicts = async (parts: typeof wrong.parts) =>
      Object.values((await judge({ ...wrong, parts }, rooms)).verdicts);
    expect(await verdicts(() => ({}))).toEqual(['pass']);
    expect(await verdicts(wrong.parts)).toEqual(['fail']);
  });
});
