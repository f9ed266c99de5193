import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { AckedType, BodyType, ClientType, SchemaName, ServerType } from './registry.js';
import { validator } from './validators.js';

/** Where a message breaks its schema. */
export interface Fault {
  /** JSON Pointer to the faulty place; a missing member is named by its own pointer. */
  path: string;
  /** What was expected there, in one sentence. */
  message: string;
}

function validate(
  name: SchemaName | 'envelope.client',
  message: unknown,
  unregistered: Fault,
): Fault | null {
  const check = validator(name);
  if (!check) return unregistered;
  return check(message) ? null : describe(check);
}

function describe(check: ValidateFunction): Fault {
  // A condition reports its branch's error first, and itself last.
  const error = check.errors?.[0];
  if (!error) return { path: '', message: 'is not what its schema says' };
  const { instancePath: path, params, keyword } = error;
  const text = error.message ?? 'is not what its schema says';
  if (keyword === 'required')
    return { path: `${path}/${token(params['missingProperty'])}`, message: 'is missing' };
  if (keyword === 'additionalProperties')
    return {
      path: `${path}/${token(params['additionalProperty'])}`,
      message: 'is no member of this object',
    };
  if (keyword === 'enum')
    return { path, message: `must be one of ${params['allowedValues'].join(', ')}` };
  if (keyword === 'const')
    return { path, message: `must be ${JSON.stringify(params['allowedValue'])}` };
  return { path, message: text };
}

const token = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

const unknownType = (who: string): Fault => ({
  path: '/type',
  message: `is no registered type of a ${who} message`,
});

// All types of applications share a schema.
const row = (type: string) => (type.startsWith('x.') ? 'x' : type);

/** Judges what holds for a client's message of any type; a fault is `invalid_envelope`. */
export function validateEnvelope(message: unknown): Fault | null {
  return validate('envelope.client', message, unknownType('client'));
}

/** Judges a client's message of a type; null when it is valid. */
export function validateClient(type: ClientType | (string & {}), message: unknown): Fault | null {
  return validate(`${row(type)}.client` as SchemaName, withData(message), unknownType('client'));
}

// An absent `data` equals `{}`: what is missing is then named inside it.
function withData(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || Object.hasOwn(message, 'data'))
    return message;
  return Array.isArray(message) ? message : { ...message, data: {} };
}

/** Judges a server's message of a type, other than an `ack`; null when it is valid. */
export function validateServer(type: ServerType | (string & {}), message: unknown): Fault | null {
  return validate(`${row(type)}.server` as SchemaName, message, unknownType('server'));
}

/** Judges the `ack` of a request of a type; null when it is valid. */
export function validateAck(
  requestType: AckedType | (string & {}),
  message: unknown,
): Fault | null {
  return validate(`ack.${row(requestType)}.server` as SchemaName, message, {
    path: '/type',
    message: `must not be "ack": a request of type ${requestType} is not acknowledged`,
  });
}

/** Judges the body of an HTTP answer; null when it is valid. */
export function validateBody(name: BodyType, body: unknown): Fault | null {
  return validate(`${name}.http`, body, { path: '', message: 'is no registered body' });
}
