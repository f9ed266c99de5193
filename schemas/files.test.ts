import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { stale, update } from './files.js';
import type { Bundle } from './vectors.js';

const root = fileURLToPath(new URL('.', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'parlor-schemas-'));
afterAll(() => rmSync(copy, { recursive: true }));

describe('the emitted schemas', () => {
  const ajv = new Ajv2020({ strict: true, ownProperties: true });
  const bundle = JSON.parse(readFileSync(join(root, 'json/bundle.json'), 'utf8')) as Bundle;

  it('are JSON Schema 2020-12, and strict', () => {
    for (const [name, schema] of Object.entries(bundle.$defs))
      expect(ajv.validateSchema(schema) && ajv.addSchema(schema), name).toBeTruthy();
    for (const name of Object.keys(bundle.$defs))
      expect(ajv.getSchema(`urn:parlor:v1:${name}`), name).toBeTypeOf('function');
  });

  it('stand alone in files as they do in the bundle', () => {
    for (const [name, schema] of Object.entries(bundle.$defs))
      expect(JSON.parse(readFileSync(join(root, `json/${name}.json`), 'utf8'))).toEqual(schema);
  });

  it('say in a sentence what each message is', () => {
    for (const [name, { description }] of Object.entries(bundle.$defs))
      expect(description, name).toMatch(/^.+\.$/);
  });
});

describe('the generated files', () => {
  it('are in sync with the schemas and the vectors to accept', () => {
    expect(stale(root)).toEqual([]);
  });

  it('are named when they are edited, missing or strange, and mended', () => {
    cpSync(join(root, 'json'), join(copy, 'json'), { recursive: true });
    cpSync(join(root, 'examples'), join(copy, 'examples'), { recursive: true });
    const before = readFileSync(join(copy, 'json/chat.client.json'), 'utf8');
    writeFileSync(join(copy, 'json/chat.client.json'), '{}');
    rmSync(join(copy, 'examples/chat.client/reject/data.text-is-missing.json'));
    writeFileSync(join(copy, 'json/stray.json'), '{}');
    const paths = [
      'examples/chat.client/reject/data.text-is-missing.json',
      'json/chat.client.json',
      'json/stray.json',
    ];
    expect(stale(copy)).toEqual(paths);
    expect(update(copy)).toEqual(paths);
    expect(stale(copy)).toEqual([]);
    expect(readFileSync(join(copy, 'json/chat.client.json'), 'utf8')).toBe(before);
  });
});
