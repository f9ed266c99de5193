import { createRequire } from 'node:module';
import fc from 'fast-check';
import { messages as registry } from '#schemas/registry.js';
import { validateClient, validateEnvelope } from '#schemas/validate.js';
import { type Compiled, compile, type Fault, type Schema } from './compile.js';

const bundle: { $defs: Record<string, Schema> } = createRequire(import.meta.url)(
  '#schemas/json/bundle.json',
);
const definitions = (bundle.$defs['defs']?.['$defs'] ?? {}) as Record<string, Schema>;

/** A type of message that clients send, made into values and faults. */
export interface RequestType extends Compiled {
  type: string;
  /** The profiles that have it. */
  profiles: readonly string[];
  /** Whether it travels as the header of a binary message. */
  binary: boolean;
}

/** The schema of a request. @throws Error for a reference to nothing */
export function resolve(ref: string): Schema {
  const name = /#\/\$defs\/(.+)$/.exec(ref)?.[1] ?? '';
  const found = definitions[name];
  if (!found) throw new Error(`${ref} names no shared definition`);
  return found;
}

/** Every type of message that clients send, but those of applications. */
export const requestTypes: readonly RequestType[] = registry
  .filter(({ direction, type }) => direction === 'client' && type !== 'x')
  .map(({ schema, type, profiles, frame }) => ({
    type,
    profiles,
    binary: frame === 'binary',
    ...compile(bundle.$defs[schema] as Schema, resolve),
  }));

/** Different messages of a type: drawing one takes longer than sending it. */
const SAMPLES = 32;

const drawn = new Map<RequestType, unknown[]>();

/** The message of a variant that fits its schema, with this room where it has one. */
export function sample(
  request: RequestType,
  variant: number,
  room: string,
): Record<string, unknown> {
  const known = drawn.get(request) ?? fc.sample(request.valid, { seed: 1, numRuns: SAMPLES });
  drawn.set(request, known);
  const { id: _, ...message } = structuredClone(known[variant % SAMPLES]) as Record<
    string,
    unknown
  >;
  const { type } = request;
  return { ...message, type, ...('room' in message && { room }) };
}

/** A valid message with one fault in it. */
export function broken(
  request: RequestType,
  { path, wrong }: Fault,
  variant: number,
  room: string,
): Record<string, unknown> {
  const message = sample(request, variant, room);
  const names = path.split('/').slice(1);
  const last = names.pop() ?? '';
  let place = message;
  for (const name of names) {
    const inner = place[name];
    const next = typeof inner === 'object' && inner !== null ? { ...inner } : filled(request, name);
    place[name] = next;
    place = next as Record<string, unknown>;
  }
  if (wrong.length === 0) delete place[last];
  else place[last] = wrong[variant % wrong.length];
  return message;
}

// What has a fault inside it has to be there, and right in all else.
function filled({ type }: RequestType, name: string): Record<string, unknown> {
  return type === 'join' && name === 'since' ? { epoch: 'e', seq: 0 } : {};
}

/** Whether a message is wrong by its schema, or by the envelope's. */
export function isBroken({ type }: RequestType, message: unknown): boolean {
  return validateEnvelope(message) !== null || validateClient(type, message) !== null;
}

/** Whether a fault is one of the envelope, whatever the type. */
export function isEnvelope(message: unknown): boolean {
  return validateEnvelope(message) !== null;
}
