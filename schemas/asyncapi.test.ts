import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { asyncapi } from './asyncapi.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = `${root}schemas/json/asyncapi.yaml`;
const document = parse(readFileSync(file, 'utf8'));
type Node = Record<string, unknown>;

describe('asyncapi.yaml', () => {
  it('is read as the document that was meant', () => {
    const examples = fileURLToPath(new URL('examples', import.meta.url));
    expect(document).toEqual(JSON.parse(JSON.stringify(asyncapi(examples))));
  });

  it('is read by the parser of AsyncAPI without an objection', () => {
    // In a process of its own: the conditions of this one lead its libraries to the wrong files.
    const output = execFileSync(
      process.execPath,
      ['--import', 'tsx', `${root}scripts/asyncapi.ts`, file],
      { cwd: root, encoding: 'utf8' },
    );
    const { diagnostics, ...read } = JSON.parse(output) as { diagnostics: { code: string }[] };
    // 3.0 is what tools read everywhere; the parser would like the latest.
    expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([]);
    expect(read).toEqual({
      version: '3.0.0',
      messages: Object.keys(document.components.messages).length,
      operations: Object.keys(document.operations).length,
    });
  });

  it('has no reference that leads nowhere', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, ref]) => ref);
    expect(refs.length).toBeGreaterThan(100);
    for (const ref of new Set(refs)) {
      const names = (ref ?? '').replace('#/', '').split('/');
      const target = names.reduce<unknown>(
        (at, name) => (at as Node | undefined)?.[name],
        document,
      );
      expect(target, ref).toBeDefined();
    }
  });

  it('has examples that fit their payloads', () => {
    const { messages, schemas } = document.components as {
      messages: Record<
        string,
        { payload: unknown; examples: { name: string; payload: unknown }[] }
      >;
      schemas: Node;
    };
    const ajv = new Ajv({ strict: false });
    ajv.addSchema({ $id: 'urn:parlor:document', components: { schemas } });
    for (const [name, { examples }] of Object.entries(messages)) {
      const validate = ajv.compile({ $ref: `urn:parlor:document#/components/schemas/${name}` });
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples)
        expect(validate(example.payload) || validate.errors, `${name} ${example.name}`).toBe(true);
    }
  });
});
