// The envelope: reading what clients send, writing what the server sends.
import { limits } from './config.js';

const TYPE = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;
const ID = /^[A-Za-z0-9._:-]{1,64}$/;
const ROOM = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
const DEEPEST = 64;
/** The types that are carried out, and whether they need a room. */
const types = { join: true, leave: true, members: true, chat: true, typing: true, ping: false };
const roomTypes = [...Object.keys(types).filter((type) => types[type]), 'binary'];
const unannounced = ['auth', 'direct', 'broadcast', 'binary'];
const protocolErrors = [
  'invalid_json',
  'invalid_envelope',
  'unknown_type',
  'unsupported',
  'invalid_payload',
];

/** A message that cannot be carried out: the code of the registry, and the other members of the `error`. */
// #region refusal
export class Refusal extends Error {
  constructor(code, message, more = {}) {
    super(message);
    const retryable = code === 'rate_limited' || code === 'shutting_down';
    this.data = { code, message, retryable, ...more };
    this.isProtocolError = protocolErrors.includes(code);
  }
}
// #endregion refusal

export const timestamp = (time = Date.now()) => new Date(time).toISOString();

/** A message as text; envelope members that are undefined are left out. */
export function encode(type, data, envelope = {}) {
  return JSON.stringify({ type, ...envelope, timestamp: timestamp(), data });
}

/** The members of a message that are right; `fault` is the first gate's objection, if any has one. */
// #region gates
export function read(text) {
  const request = { type: undefined, id: undefined, room: undefined, data: {} };
  try {
    for (const gate of [parse, checkEnvelope, checkType, checkPayload]) gate(request, text);
  } catch (fault) {
    if (!(fault instanceof Refusal)) throw fault;
    request.fault = fault;
  }
  return request;
}

function parse(request, text) {
  if (text === null) throw new Refusal('unsupported', 'Binary messages are not spoken here.');
  try {
    request.message = JSON.parse(text, (_, value) => mend(value));
  } catch {
    throw new Refusal('invalid_json', 'The message is not JSON that this server reads.');
  }
  if (depth(request.message) > DEEPEST)
    throw new Refusal('invalid_json', `The message is nested more than ${DEEPEST} levels deep.`);
}

// An unpaired surrogate can only come from an escape; U+FFFD takes its place, in names too.
function mend(value) {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('too large');
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k.toWellFormed(), v]));
}

function checkEnvelope(request) {
  const { message } = request;
  if (!isObject(message)) throw new Refusal('invalid_envelope', 'The message is not an object.');
  // Each member that is right is kept, so that the error can name the request that it answers.
  const sound = [
    take(request, 'type', (value) => TYPE.test(value) && value.length <= 64) && 'type' in message,
    take(request, 'id', (value) => ID.test(value)),
    take(request, 'room', (value) => ROOM.test(value)),
    !('data' in message) || isObject(message.data),
  ];
  // Elsewhere a room has no meaning, and no reply carries it.
  if (!roomTypes.includes(request.type)) request.room = undefined;
  if (sound.includes(false))
    throw new Refusal('invalid_envelope', 'type, id, room and data have to be of their form.');
  request.data = message.data ?? {};
}

function checkType({ type }) {
  if (unannounced.includes(type))
    throw new Refusal('unsupported', 'The type belongs to a profile that is not spoken here.');
  if (!Object.hasOwn(types, type)) throw new Refusal('unknown_type', 'The type is not known.');
}

function checkPayload({ type, room, data }) {
  const wrong = (path, message, more) => new Refusal('invalid_payload', message, { path, ...more });
  if (types[type] && room === undefined) throw wrong('/room', '`room` is missing.');
  if (type === 'typing' && typeof data.active !== 'boolean')
    throw wrong('/data/active', '`active` is missing or no boolean.');
  if (type !== 'chat') return;
  if (typeof data.text !== 'string' || data.text === '')
    throw wrong('/data/text', '`text` is missing, empty or no string.');
  if (Buffer.byteLength(data.text) > limits.max_text_bytes)
    throw wrong('/data/text', '`text` is too long.', { limit: limits.max_text_bytes });
  if ('meta' in data && !isObject(data.meta)) throw wrong('/data/meta', '`meta` is no object.');
}
// #endregion gates

function take(request, name, fits) {
  if (!Object.hasOwn(request.message, name)) return true;
  const value = request.message[name];
  if (typeof value !== 'string' || !fits(value)) return false;
  request[name] = value;
  return true;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function depth(value) {
  let levels = 0;
  let level = [value];
  while (level.length > 0) {
    const containers = level.filter((each) => typeof each === 'object' && each !== null);
    levels += containers.length > 0 ? 1 : 0;
    level = containers.flatMap((each) => Object.values(each));
  }
  return levels;
}
