import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { catalog } from './catalog.js';
import { envelopeRequest } from './envelope.js';
import { type BodyType, messages } from './registry.js';
import {
  type Fault,
  validateAck,
  validateBody,
  validateClient,
  validateEnvelope,
  validateServer,
} from './validate.js';
import { type Bundle, vectors } from './vectors.js';

const bundle: Bundle = createRequire(import.meta.url)('#schemas/json/bundle.json');
const all = vectors(bundle, fileURLToPath(new URL('examples', import.meta.url)));

const judges: Record<string, (type: string, message: unknown) => Fault | null> = {
  client: validateClient,
  server: validateServer,
  ack: validateAck,
  http: (type, message) => validateBody(type as BodyType, message),
};
const subjects = [
  { schema: 'envelope.client', typebox: envelopeRequest, judge: validateEnvelope },
  ...messages.map(({ schema, type, direction }) => ({
    schema,
    typebox: catalog[schema],
    judge: (message: unknown) => judges[direction]?.(type === 'x' ? 'x.any' : type, message),
  })),
];

describe.each(subjects)('the vectors of $schema', ({ schema, typebox, judge }) => {
  const { accept, reject } = all.get(schema) ?? { accept: new Map(), reject: new Map() };

  it('are of both kinds', () => {
    expect(accept.size).toBeGreaterThan(0);
    expect(reject.size).toBeGreaterThan(0);
  });

  it('to accept are accepted by ajv and by TypeBox', () => {
    for (const [name, message] of accept) {
      expect(judge(message), name).toBeNull();
      expect(Value.Check(typebox, message), name).toBe(true);
    }
  });

  it('to reject are rejected by ajv at the labelled path, and by TypeBox', () => {
    for (const [name, { path, message }] of reject) {
      expect(judge(message)?.path, name).toBe(path);
      expect(Value.Check(typebox, message), name).toBe(false);
    }
  });
});

describe('the codes on the vectors of requests', () => {
  it('are those of the errors that malformed messages get', () => {
    const codes = new Set(
      [...all.values()].flatMap(({ reject }) => [...reject.values()].map(({ code }) => code)),
    );
    expect(codes).toEqual(
      new Set([undefined, 'invalid_envelope', 'unknown_type', 'invalid_payload']),
    );
  });

  it('say invalid_envelope exactly where the envelope does not fit', () => {
    for (const [schema, { reject }] of all)
      if (schema.endsWith('.client'))
        for (const [name, { code, message }] of reject)
          expect(code === 'invalid_envelope', `${schema} ${name}`).toBe(
            validateEnvelope(message) !== null,
          );
  });
});
