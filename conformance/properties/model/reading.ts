import { type Data, isObject, type Message } from '#conformance/harness/message.js';
import { messages as registry } from '#schemas/registry.js';
import { validateClient, validateEnvelope } from '#schemas/validate.js';
import type { Announced } from '../trace.js';

/** What is wrong with a message, as an error has it. */
export interface Flaw {
  code: string;
  more: Data;
}

/** A message as it was read; with a flaw, only what an error may refer to. */
export interface Reading {
  request: Message;
  flaw?: Flaw;
}

/** Reads a message as a right server does. */
export function read(raw: string | Buffer, announced: Announced): Reading {
  const binary = typeof raw !== 'string';
  const end = binary ? 3 + raw.readUInt16BE(1) : 0;
  let value: unknown;
  try {
    value = JSON.parse(binary ? raw.toString('utf8', 3, end) : raw);
  } catch {
    return { request: { type: '', data: {} }, flaw: { code: 'invalid_json', more: {} } };
  }
  const flaw = judge(value, binary, announced);
  if (flaw) return { request: identify(value), flaw };
  const message = value as Message;
  const payload = binary ? { payload: raw.subarray(end) } : {};
  return { request: { ...message, data: message.data ?? {}, ...payload } };
}

function judge(value: unknown, binary: boolean, { features, limits }: Announced): Flaw | undefined {
  if (validateEnvelope(value)) return { code: 'invalid_envelope', more: {} };
  const message = value as Message;
  const row = registry.find(
    ({ type, direction }) => type === message.type && direction === 'client',
  );
  if (!row) return { code: 'unknown_type', more: {} };
  if (!row.profiles.some((each) => each === 'core' || features.includes(each)))
    return { code: 'unsupported', more: {} };
  if (binary !== (row.frame === 'binary')) return { code: 'invalid_envelope', more: {} };
  const fault = validateClient(message.type, message);
  if (fault) return { code: 'invalid_payload', more: { path: fault.path } };
  const limit = limits.max_text_bytes;
  if (Buffer.byteLength(String(message.data?.text ?? '')) <= limit) return undefined;
  return { code: 'invalid_payload', more: { path: '/data/text', limit } };
}

/** What of a flawed message can be relied upon: an `id` and a `room` of the right form. */
function identify(value: unknown): Message {
  const { id, room } = (isObject(value) ? value : {}) as Partial<Message>;
  const fits = (member: string, each: unknown) =>
    each !== undefined && validateEnvelope({ type: 'ping', [member]: each }) === null;
  return {
    type: '',
    data: {},
    ...(fits('id', id) && { id: id as string }),
    ...(fits('room', room) && { room: room as string }),
  };
}
