import { createRequire } from 'node:module';
import { Ajv2020, type CodeOptions, type ValidateFunction } from 'ajv/dist/2020.js';

type Bundle = { $defs: Record<string, { $id: string }> };
const { $defs }: Bundle = createRequire(import.meta.url)('#schemas/json/bundle.json');

/** The `$id`s of the emitted schemas, by name. */
export const ids: ReadonlyMap<string, string> = new Map(
  Object.entries($defs).map(([name, { $id }]) => [name, $id]),
);

/** An Ajv that knows the emitted schemas. */
export function compiler(code: CodeOptions): Ajv2020 {
  // A test judges the emitted schemas by their meta-schema; at every start it would be wasted time.
  const ajv = new Ajv2020({ strict: true, ownProperties: true, validateSchema: false, code });
  for (const schema of Object.values($defs)) ajv.addSchema(schema);
  return ajv;
}

// V8 optimizes the compiled code itself: a second pass over it would be wasted time as well.
const ajv = compiler({ optimize: false });

// Compiled on first use: a program rarely meets every message.
const compiled = new Map<string, ValidateFunction>();

/** The compiled schema of that name; undefined where there is none. */
export function validator(name: string): ValidateFunction | undefined {
  const known = compiled.get(name);
  if (known) return known;
  const id = ids.get(name);
  const fresh = id === undefined ? undefined : ajv.getSchema(id);
  if (fresh) compiled.set(name, fresh);
  return fresh;
}
