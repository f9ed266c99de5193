import type { TSchema } from 'typebox';
import { catalog } from './catalog.js';
import { closeRanges, closes } from './closes.js';
import { definitions, envelopeRequest, urn } from './envelope.js';
import { errors } from './errors.js';
import { messages } from './registry.js';

type Json = Record<string, unknown>;

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const shared = new Map(definitions.map((schema) => [anchor(schema), schema]));

function anchor(schema: TSchema): string {
  return (schema as { $anchor?: string }).$anchor ?? '';
}

/**
 * Plain JSON of a schema, in which each use of a shared definition is a `$ref`.
 *
 * @param ref where a shared definition of that name is found
 */
function plain(value: unknown, ref: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => plain(each, ref));
  if (typeof value !== 'object' || value === null) return value;
  const name = anchor(value);
  if (name === '') return members(value, ref);
  const own = (value as Json)['description'];
  const general = (shared.get(name) as Json | undefined)?.['description'];
  return own === general ? { $ref: ref(name) } : { $ref: ref(name), description: own };
}

// Titles and descriptions come first: a reader meets the meaning before the mechanics.
function members(value: object, ref: (name: string) => string): Json {
  const { description, ...rest } = value as Json;
  const entries = Object.entries(rest)
    .filter(([key]) => key !== '$anchor')
    .map(([key, each]) => [key, plain(each, ref)]);
  return { ...(description === undefined ? {} : { description }), ...Object.fromEntries(entries) };
}

/** The shared definitions as plain JSON, by name. */
export function definitionsAsJson(ref: (name: string) => string): Record<string, Json> {
  return Object.fromEntries([...shared].map(([name, schema]) => [name, members(schema, ref)]));
}

/** The schemas of all messages as plain JSON, by name. */
export function messagesAsJson(ref: (name: string) => string): Record<string, Json> {
  return Object.fromEntries([
    ['envelope.client', members(envelopeRequest, ref)],
    ...messages.map(({ schema }) => [schema, members(catalog[schema], ref)] as const),
  ]);
}

/** Each emitted JSON file: its name and its content. */
export function emitJson(): Map<string, unknown> {
  const ref = (name: string) => `${urn}defs#/$defs/${name}`;
  const defs = {
    $schema: DIALECT,
    $id: `${urn}defs`,
    description: 'The definitions that the messages share.',
    $defs: definitionsAsJson(ref),
  };
  const schemas = Object.entries(messagesAsJson(ref)).map(
    ([name, schema]) => [name, { $schema: DIALECT, $id: `${urn}${name}`, ...schema }] as const,
  );
  const bundle = {
    $schema: DIALECT,
    $id: `${urn}bundle`,
    description: 'All schemas of Parlor v1 in one document.',
    $defs: { defs, ...Object.fromEntries(schemas) },
  };
  return new Map<string, unknown>([
    ['defs.json', defs],
    ...schemas.map(([name, schema]) => [`${name}.json`, schema] as const),
    ['bundle.json', bundle],
    ['messages.json', messages],
    ['errors.json', errors],
    ['closes.json', { closes, ranges: closeRanges }],
  ]);
}
