import fc from 'fast-check';

/** A JSON Schema, as far as the messages use it. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** Finds the schema that a `$ref` names. */
export type Resolve = (ref: string) => Schema;

/** One way to break a schema: something wrong, or nothing at all, at one place. */
export interface Fault {
  /** JSON Pointer to the place. */
  path: string;
  /** What is wrong there, in a few words. */
  label: string;
  /** Values that are wrong in this way; none: the member is left out. */
  wrong: readonly unknown[];
}

/** A schema made into values that fit it, and into ways to break it. */
export interface Compiled {
  valid: fc.Arbitrary<unknown>;
  faults: Fault[];
}

/** Keywords that say nothing of a value. */
const remarks = ['$schema', '$id', '$anchor', '$defs', 'description'];
/** Keywords that each type of schema may have; whatever else is met is an error, so that no schema is half understood. */
const keywords: Record<string, readonly string[]> = {
  object: ['type', 'properties', 'required'],
  string: ['type', 'const', 'pattern', 'not', 'minLength', 'maxLength'],
  integer: ['type', 'minimum', 'maximum'],
  boolean: ['type'],
};

/** Values of each JSON type, for the places that want another one. */
const samples: Record<string, readonly unknown[]> = {
  string: ['text', '', '1'],
  integer: [7, 0, -1],
  fraction: [1.5, 0.1],
  boolean: [true, false],
  null: [null],
  array: [[], ['text'], [{}]],
  object: [{}, { text: 'x' }],
};

/** Compiles a schema. @throws Error for a keyword that it does not know */
export function compile(schema: Schema, resolve: Resolve, path = ''): Compiled {
  const { $ref: ref, ...own } = schema;
  const whole: Schema = typeof ref === 'string' ? { ...resolve(ref), ...own } : own;
  const type = whole['type'];
  if (typeof type !== 'string' || !keywords[type])
    throw new Error(`${path || 'the schema'}: no type that is known, but ${JSON.stringify(type)}`);
  for (const keyword of Object.keys(whole))
    if (!remarks.includes(keyword) && !keywords[type].includes(keyword))
      throw new Error(
        `${path || 'the schema'}: the keyword ${keyword} is not known beside ${type}`,
      );
  const inner = compilers[type]?.(whole, resolve, path);
  if (!inner) throw new Error(`${path}: no compiler for ${type}`);
  return { valid: inner.valid, faults: [...others(type, path), ...inner.faults] };
}

/** Values of every other type. */
function others(type: string, path: string): Fault[] {
  return Object.entries(samples)
    .filter(([name]) => name !== type)
    .map(([name, wrong]) => ({
      path,
      label: `${name === 'integer' ? 'a number' : article(name)} in place of ${article(type)}`,
      wrong,
    }));
}

function article(name: string): string {
  if (name === 'null') return 'null';
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

const compilers: Record<string, (schema: Schema, resolve: Resolve, path: string) => Compiled> = {
  object(schema, resolve, path) {
    const required = (schema['required'] ?? []) as string[];
    const members = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>).map(
      ([name, member]) => ({
        name,
        ...compile(member, resolve, `${path}/${name}`),
      }),
    );
    const model = Object.fromEntries(members.map(({ name, valid }) => [name, valid]));
    return {
      valid:
        members.length === 0 && required.length === 0
          ? anyObject
          : fc.record(model, { requiredKeys: required }),
      faults: [
        ...required.map((name) => ({ path: `${path}/${name}`, label: 'is missing', wrong: [] })),
        ...members.flatMap(({ faults }) => faults),
      ],
    };
  },
  string(schema, _resolve, path) {
    const {
      const: only,
      pattern,
      minLength = 0,
      maxLength = 40,
    } = schema as { const?: string; pattern?: string; minLength?: number; maxLength?: number };
    if (only !== undefined) return { valid: fc.constant(only), faults: [] };
    const fits = pattern === undefined ? undefined : new RegExp(pattern, 'u');
    const valid = fits
      ? fc
          .stringMatching(fits)
          .filter(
            (text) => text.length >= minLength && text.length <= maxLength && !text.includes('\n'),
          )
      : fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) });
    const faults: Fault[] = [];
    if (minLength > 0 || (fits && !fits.test('')))
      faults.push({ path, label: 'an empty string', wrong: [''] });
    if (fits)
      faults.push({
        path,
        label: 'a string of another form',
        wrong: odd.filter((text) => !fits.test(text)),
      });
    const longest = schema['maxLength'] ?? longestOf(fits);
    if (typeof longest === 'number')
      faults.push({
        path,
        label: 'a string that is too long',
        wrong: ['a'.repeat(longest + 1), 'a'.repeat(longest * 3)],
      });
    return { valid, faults };
  },
  integer(schema, _resolve, path) {
    const { minimum = -100, maximum = 100 } = schema as { minimum?: number; maximum?: number };
    const faults: Fault[] = [];
    if (schema['minimum'] !== undefined)
      faults.push({
        path,
        label: 'a number below the least',
        wrong: [minimum - 1, minimum - 1000],
      });
    if (schema['maximum'] !== undefined)
      faults.push({ path, label: 'a number above the most', wrong: [2 ** 53 * 2, 1e300] });
    return { valid: fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31) }), faults };
  },
  boolean: () => ({ valid: fc.boolean(), faults: [] }),
};

/** Strings that identifiers and names do not allow. */
const odd = [
  'a b',
  'a/b',
  'café',
  ' a',
  'a ',
  'a\n',
  '\u0000',
  'a\u007Fb',
  '.a',
  '-a',
  'A%20',
  '😀',
];

/** How many characters a pattern allows at most, where it is an identifier's. */
function longestOf(pattern: RegExp | undefined): number | undefined {
  for (const length of [64, 128])
    if (pattern?.test('a'.repeat(length)) && !pattern.test('a'.repeat(length + 1))) return length;
  return undefined;
}

/** Whatever an application may put into an object. */
const anyObject = fc.dictionary(
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter((name) => name !== '__proto__'),
  fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' }),
  { maxKeys: 4, noNullPrototype: true },
) as fc.Arbitrary<unknown>;
