/** A message with exactly one thing wrong. */
export interface Faulty {
  /** What is wrong, in one phrase. */
  fault: string;
  /** JSON Pointer to the fault; a missing member is named by its own pointer. */
  path: string;
  message: unknown;
}

type Json = Record<string, unknown>;
type Edit = { fault: string; name: string; value?: unknown };

/** Finds the definition that a `$ref` names. */
export type Resolve = (ref: string) => Json;

// Values that a shared definition's pattern has to refuse, each with its reason; the first is the most telling.
const malformed: Record<string, readonly (readonly [name: string, value: string])[]> = {
  timestamp: [
    ['without milliseconds', '2025-03-01T12:00:00Z'],
    ['with an offset', '2025-03-01T12:00:00.000+00:00'],
    ['with microseconds', '2025-03-01T12:00:00.000000Z'],
    ['with a blank', '2025-03-01 12:00:00.000Z'],
    ['in lower case', '2025-03-01t12:00:00.000z'],
    ['in month 13', '2025-13-01T12:00:00.000Z'],
    ['at hour 24', '2025-03-01T24:00:00.000Z'],
  ],
  id: [
    ['empty', ''],
    ['of 65 characters', 'a'.repeat(65)],
    ['with a blank', 'a b'],
    ['with a slash', 'a/b'],
    ['with a letter beyond ASCII', 'é'],
    ['with a line feed at its end', 'a\n'],
  ],
  room: [
    ['empty', ''],
    ['of 129 characters', 'a'.repeat(129)],
    ['beginning with a dot', '.lounge'],
    ['with a blank', 'the lounge'],
    ['with a slash', 'a/b'],
    ['with a letter beyond ASCII', 'café'],
  ],
  type: [
    ['in upper case', 'Chat'],
    ['empty', ''],
    ['beginning with a digit', '1chat'],
    ['ending with a dot', 'x.'],
    ['with a hyphen', 'chat-message'],
    ['of 65 characters', 'a'.repeat(65)],
  ],
  user: [
    ['empty', ''],
    ['with a control character', 'ann\u0007'],
  ],
};

// A value of another type, close enough to be met in the field.
const otherType: Record<string, unknown> = {
  string: 7,
  integer: '7',
  number: '7',
  boolean: 'true',
  object: [],
  array: {},
  null: 'null',
};

/**
 * All single faults of a valid message: each member missing, of another type, outside its constraint, and one too many.
 *
 * @param thorough every broken constraint of a member, in place of one
 */
export function faults(
  schema: Json,
  example: unknown,
  resolve: Resolve,
  thorough = false,
): Faulty[] {
  return walk(schema, example, '', resolve, thorough);
}

function walk(
  given: Json,
  value: unknown,
  path: string,
  resolve: Resolve,
  thorough: boolean,
): Faulty[] {
  const ref = given['$ref'];
  const schema = typeof ref === 'string' ? resolve(ref) : given;
  const definition = typeof ref === 'string' ? (ref.split('/').at(-1) ?? '') : '';
  const own = [
    ...ofType(schema),
    ...ofString(schema, definition),
    ...ofNumber(schema),
    ...ofList(schema, value),
  ];
  const here = (thorough ? own : brief(own)).map((edit) => ({
    fault: `${path === '' ? 'the message' : path} ${edit.fault}`,
    path,
    message: edit.value,
  }));
  if (schema['type'] === 'object')
    return [...here, ...ofObject(schema, value as Json, path, resolve, thorough)];
  if (!Array.isArray(value) || value.length === 0 || typeof schema['items'] !== 'object')
    return here;
  const [first, ...rest] = value;
  const inner = walk(schema['items'] as Json, first, `${path}/0`, resolve, thorough);
  return [...here, ...inner.map((each) => ({ ...each, message: [each.message, ...rest] }))];
}

// Another type and one broken constraint.
function brief(edits: readonly Edit[]): Edit[] {
  const constraint = edits.find(({ name }) => name !== 'type');
  return [...edits.filter(({ name }) => name === 'type'), ...(constraint ? [constraint] : [])];
}

function ofType(schema: Json): Edit[] {
  if (Array.isArray(schema['anyOf'])) return [{ name: 'type', fault: 'is a list', value: [] }];
  if ('enum' in schema)
    return [{ name: 'unregistered', fault: 'is not registered', value: 'unregistered' }];
  const type = String(schema['type']);
  const wrong = { name: 'type', fault: `is not of the type ${type}`, value: otherType[type] };
  if (!('const' in schema)) return [wrong];
  const other = type === 'boolean' ? !schema['const'] : 'unregistered';
  return [
    wrong,
    { name: 'const', fault: `is not ${JSON.stringify(schema['const'])}`, value: other },
  ];
}

function ofString(schema: Json, definition: string): Edit[] {
  const edits: Edit[] = (malformed[definition] ?? []).map(([name, value]) => ({
    name: 'malformed',
    fault: `is ${name}`,
    value,
  }));
  if (schema['minLength'] === 1 && !(definition in malformed))
    edits.push({ name: 'empty', fault: 'is empty', value: '' });
  if (typeof schema['maxLength'] === 'number' && definition !== 'type')
    edits.push({
      name: 'long',
      fault: `has ${schema['maxLength'] + 1} characters`,
      value: 'u'.repeat(schema['maxLength'] + 1),
    });
  return edits;
}

function ofNumber(schema: Json): Edit[] {
  const { minimum } = schema;
  if (typeof minimum !== 'number') return [];
  const below = { name: 'below', fault: `is below ${minimum}`, value: minimum - 1 };
  if (schema['type'] !== 'integer') return [below];
  return [
    below,
    { name: 'fraction', fault: 'has a fraction', value: minimum + 0.5 },
    { name: 'huge', fault: 'is beyond 2^53 − 1', value: 1e300 },
  ];
}

function ofList(schema: Json, value: unknown): Edit[] {
  if (!Array.isArray(value)) return [];
  const edits: Edit[] = [];
  if (schema['uniqueItems'] === true && value.length > 0)
    edits.push({ name: 'twice', fault: 'holds a value twice', value: [...value, value[0]] });
  return edits;
}

function ofObject(
  schema: Json,
  value: Json,
  path: string,
  resolve: Resolve,
  thorough: boolean,
): Faulty[] {
  const required = new Set((schema['required'] as string[] | undefined) ?? []);
  const found: Faulty[] = [];
  for (const [name, member] of Object.entries(
    (schema['properties'] ?? {}) as Record<string, Json>,
  )) {
    if (!Object.hasOwn(value, name)) continue;
    const at = `${path}/${name}`;
    if (required.has(name)) {
      const { [name]: _, ...rest } = value;
      found.push({ fault: `${at} is missing`, path: at, message: rest });
    }
    for (const inner of walk(member, value[name], at, resolve, thorough))
      found.push({ ...inner, message: { ...value, [name]: inner.message } });
  }
  if (schema['additionalProperties'] === false)
    found.push({
      fault: `${path}/extra is no member`,
      path: `${path}/extra`,
      message: { ...value, extra: true },
    });
  return found;
}
