import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { asyncapi } from './asyncapi.js';

const require = createRequire(import.meta.url);
const document = parse(
  readFileSync(fileURLToPath(new URL('json/asyncapi.yaml', import.meta.url)), 'utf8'),
);
type Node = Record<string, unknown>;

describe('asyncapi.yaml', () => {
  it('is read as the document that was meant', () => {
    const examples = fileURLToPath(new URL('examples', import.meta.url));
    expect(document).toEqual(JSON.parse(JSON.stringify(asyncapi(examples))));
  });

  it('fits the published schema of AsyncAPI 3.0', () => {
    const ajv = new Ajv({
      strict: false,
      validateFormats: false,
      meta: false,
      validateSchema: false,
    });
    const validate = ajv.compile(require('@asyncapi/specs/schemas/3.0.0.json'));
    expect(validate(document) || validate.errors).toBe(true);
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
