import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type DocumentNode, evaluate, parse, type ValueNode } from '@humanwhocodes/momoa';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { messageOf, UsageError } from '#conformance/harness/verdict.js';
import type { Config } from './config.schema.js';
import { alternatives, didYouMean } from './nearest.js';

export type { Config } from './config.schema.js';

/** Names under which a config is found without being named. */
export const configNames = ['parlor.config.json', 'parlor.config.jsonc'] as const;

type KnownFailures = NonNullable<Config['known_failures']>;

const MOST = 5;
const configSchema: { properties: Record<string, object> } = createRequire(import.meta.url)(
  '#conformance/config.schema.json',
);

/**
 * Reads a config file: JSON, comments and trailing commas allowed.
 *
 * @throws UsageError with a sentence for each mistake: what was expected, where, what came instead
 */
export function loadConfig(path: string): Config {
  return parseConfig(readText(path, 'the config'), path);
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw new UsageError(`${what} ${path} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Reads the text of a config; `name` is what messages call it.
 *
 * @throws UsageError with a sentence for each mistake
 */
export function parseConfig(text: string, name: string): Config {
  return read<Config>(text, name, configSchema, 'the config');
}

/**
 * Reads a file of known failures: a list of entries as a config has them.
 *
 * @throws UsageError with a sentence for each mistake
 */
export function loadKnownFailures(path: string): KnownFailures {
  const schema = configSchema.properties['known_failures'] ?? {};
  return read<KnownFailures>(readText(path, 'the known failures'), path, schema, 'the list');
}

function read<T>(text: string, name: string, schema: object, whole: string): T {
  const document = parseJson(text, name);
  refuseTwice(document.body, name);
  const value: unknown = evaluate(document);
  const check = new Ajv2020({
    strict: true,
    ownProperties: true,
    allErrors: true,
    verbose: true,
    validateSchema: false,
    code: { optimize: false },
  }).compile<T>(schema);
  if (check(value)) return value;
  const sentences = (check.errors ?? []).map(
    (fault) => `${place(document, fault, name)}: ${sentence(fault, whole)}`,
  );
  const more = sentences.length > MOST ? [`and ${sentences.length - MOST} more mistakes`] : [];
  throw new UsageError([...sentences.slice(0, MOST), ...more].join('\n'));
}

function parseJson(text: string, name: string): DocumentNode {
  try {
    return parse(text, { mode: 'jsonc', allowTrailingCommas: true });
  } catch (error) {
    const { line, column, offset } = error as { line?: number; column?: number; offset?: number };
    if (line === undefined || column === undefined) throw error;
    const rest = text.slice(offset ?? 0).trimStart();
    const came =
      rest === '' || /end of input/.test(messageOf(error))
        ? 'the end of the file'
        : `'${rest.slice(0, 1)}'`;
    throw new UsageError(
      `${name}:${line}:${column}: this is no JSON (comments are allowed): ${came} was not expected here`,
    );
  }
}

// A second key of the same name would silently win.
function refuseTwice(node: ValueNode, name: string): void {
  if (node.type === 'Array') for (const { value } of node.elements) refuseTwice(value, name);
  if (node.type !== 'Object') return;
  const seen = new Set<string>();
  for (const member of node.members) {
    const key = keyOf(member);
    const { line, column } = member.loc.start;
    if (seen.has(key))
      throw new UsageError(`${name}:${line}:${column}: the key '${key}' is written twice`);
    seen.add(key);
    refuseTwice(member.value, name);
  }
}

function place(
  document: DocumentNode,
  { instancePath, keyword, params }: ErrorObject,
  name: string,
): string {
  let node: ValueNode = document.body;
  let start = node.loc.start;
  const keys = instancePath
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (keyword === 'additionalProperties') keys.push(String(params['additionalProperty']));
  for (const key of keys) {
    if (node.type === 'Object') {
      const member = node.members.find((each) => keyOf(each) === key);
      if (!member) break;
      start = keyword === 'additionalProperties' ? member.loc.start : member.value.loc.start;
      node = member.value;
    } else if (node.type === 'Array') {
      const element = node.elements[Number(key)];
      if (!element) break;
      node = element.value;
      start = node.loc.start;
    }
  }
  return `${name}:${start.line}:${start.column}`;
}

function keyOf({ name }: { name: { type: string; value?: string; name?: string } }): string {
  return name.value ?? name.name ?? '';
}

// A key that stands in the wrong one of the two objects with most keys.
function elsewhere(key: string, path: string): string {
  const { properties } = configSchema;
  const settings = (properties['settings'] as { properties: object }).properties;
  if (path === '' && Object.hasOwn(settings, key)) return `; '${key}' belongs into 'settings'`;
  if (path !== '' && Object.hasOwn(properties, key))
    return `; '${key}' belongs to the config itself, beside '${path.split('/')[1]}'`;
  return '';
}

function sentence(
  { instancePath, keyword, params, data, parentSchema }: ErrorObject,
  whole: string,
): string {
  const where = instancePath === '' ? whole : `'${instancePath.slice(1).replaceAll('/', '.')}'`;
  const came = show(data);
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = Object.keys((parentSchema?.['properties'] as object | undefined) ?? {});
      const hint =
        elsewhere(key, instancePath) ||
        didYouMean(key, known) ||
        `; it may have ${alternatives(known)}`;
      return `${where} has no key '${key}'${hint}`;
    }
    case 'required':
      return `${where} lacks '${params['missingProperty']}'`;
    case 'type':
      return `${where} has to be ${typeWord(String(params['type']))}, not ${came}`;
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map(String);
      const hint = typeof data === 'string' ? didYouMean(data, allowed) : '';
      return `${where} has to be ${alternatives(allowed)}, not ${came}${hint}`;
    }
    case 'minimum':
      return `${where} has to be at least ${params['limit']}, not ${came}`;
    case 'maximum':
      return `${where} has to be at most ${params['limit']}, not ${came}`;
    case 'minLength':
    case 'minItems':
      return `${where} must not be empty`;
    case 'uniqueItems':
      return `${where} names something twice`;
    default:
      return `${where} is ${came}, but has to be: ${parentSchema?.['description'] ?? keyword}`;
  }
}

function typeWord(type: string): string {
  const words: Record<string, string> = {
    array: 'a list',
    object: 'an object',
    integer: 'a whole number',
    boolean: 'true or false',
    string: 'a text',
  };
  return words[type] ?? type;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
