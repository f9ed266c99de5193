import { refresh } from './authentication.js';
import { sendBinary } from './binary.js';
import { announce } from './broadcast.js';
import { BackendUnavailable } from './broker/broker.js';
import { say } from './chat.js';
import { tell } from './direct.js';
import { refuse } from './errors.js';
import { ping } from './messages.js';
import { rateGate } from './rates.js';
import { repeatGate, underway } from './resume.js';
import { join, leave, members, membershipGate, permissionGate, roomGate } from './rooms.js';
import { drainGate } from './shutdown.js';
import type { Connection, Core, Effect, Gate, Incoming, Outcome, Step } from './state.js';
import { type } from './typing.js';

/** Reads the JSON, of a text message or of a binary message's header. */
const jsonGate: Gate = (core, connection, incoming) => {
  const { request, at, bytes } = incoming;
  if (incoming.binary && !core.config.features.has('binary'))
    return refuse(core, connection, request, at, 'unsupported', 'Binary messages are not spoken.');
  const { messages, binary } = core.parts;
  const reading = incoming.binary ? binary.read(core, bytes) : messages.parse(bytes.toString());
  if ('value' in reading) {
    incoming.value = reading.value;
    request.payload = reading.payload;
    messages.identify(reading.value, request);
    return null;
  }
  messages.identify(reading.flawed, request);
  return refuse(core, connection, request, at, reading.code, reading.message);
};

/** Judges the envelope, and takes over what it holds. */
const envelopeGate: Gate = (core, connection, incoming) => {
  const { request, at, value } = incoming;
  const { messages, binary } = core.parts;
  const flaw = messages.envelope(value);
  if (flaw !== null) return refuse(core, connection, request, at, 'invalid_envelope', flaw);
  messages.read(value as Record<string, unknown>, request);
  const framed = core.config.features.has('binary');
  if (!framed || binary.fits(request.type, incoming.binary)) return null;
  const text = 'A message of type "binary" comes in a binary frame, and no other does.';
  return refuse(core, connection, request, at, 'invalid_envelope', text);
};

const typeGate: Gate = (core, connection, { request, at }) =>
  core.parts.messages.known(request.type)
    ? null
    : refuse(core, connection, request, at, 'unknown_type', 'No client sends this type.');

const supportGate: Gate = (core, connection, { request, at }) =>
  core.parts.messages.supported(request.type, core.config)
    ? null
    : refuse(core, connection, request, at, 'unsupported', 'The profile is not announced.');

const payloadGate: Gate = (core, connection, { request, at }) => {
  const fault = core.parts.messages.payload(request, core);
  if (!fault) return null;
  const { path, message, limit } = fault;
  const text = `${path === '' ? 'The message' : `The member ${path}`} ${message}.`;
  const details = limit === undefined ? { path } : { path, limit };
  return refuse(core, connection, request, at, 'invalid_payload', text, details);
};

/** The gates by name; `precedence` orders them. */
export const gates = {
  json: jsonGate,
  envelope: envelopeGate,
  type: typeGate,
  support: supportGate,
  drain: drainGate,
  payload: payloadGate,
  repeat: repeatGate,
  rate: rateGate,
  permission: permissionGate,
  room: roomGate,
  membership: membershipGate,
} satisfies Record<string, Gate>;

/** The name of a gate. */
export type GateName = keyof typeof gates;

/** The order in which errors take precedence: the first gate that refuses is the one reported. */
export const precedence: readonly GateName[] = [
  'json',
  'envelope',
  'type',
  'support',
  'drain',
  'payload',
  'repeat',
  'rate',
  'permission',
  'room',
  'membership',
];

/** One step for each type of request. */
export const steps: Readonly<Record<string, Step>> = {
  join,
  leave,
  members,
  chat: say,
  typing: type,
  ping,
  auth: refresh,
  direct: tell,
  broadcast: announce,
  binary: sendBinary,
};

/** A data message as it came in, nothing of it read yet. */
export function incoming(bytes: Buffer, binary: boolean, core: Core): Incoming {
  const request = { type: '', id: undefined, room: undefined, data: {}, payload: undefined };
  return { bytes, binary, at: core.now(), value: undefined, request, once: null };
}

/** Leads one message of a welcomed connection through the gates to its step. */
export function receive(core: Core, connection: Connection, message: Incoming): Outcome {
  const outcome = attempt(core, connection, message);
  // Only now is its type known, and nothing of what it led to is told yet.
  core.log?.(core.parts.logs.message(core, connection, message));
  if (message.once && outcome instanceof Promise) underway(core, message.once, outcome);
  return outcome;
}

function attempt(core: Core, connection: Connection, message: Incoming): Outcome {
  try {
    const outcome = pass(core, connection, message, 0);
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.catch((error: unknown) => failed(core, connection, message, error));
  } catch (error) {
    return failed(core, connection, message, error);
  }
}

function pass(core: Core, connection: Connection, message: Incoming, from: number): Outcome {
  const { parts } = core;
  for (let at = from; at < parts.precedence.length; at += 1) {
    const name = parts.precedence[at] as GateName;
    const verdict = parts.gates[name](core, connection, message);
    if (verdict instanceof Promise)
      return verdict.then((later) => later ?? pass(core, connection, message, at + 1));
    if (verdict) return verdict;
  }
  core.counters.message(message.request.type);
  const step = parts.steps[message.request.type];
  if (!step) throw new Error(`no step for the type ${message.request.type}`);
  return step(core, connection, message);
}

function failed(core: Core, connection: Connection, message: Incoming, error: unknown): Effect[] {
  const { request, at } = message;
  if (error instanceof BackendUnavailable)
    return refuse(core, connection, request, at, 'backend_unavailable', 'Try again later.');
  core.log?.({ event: 'internal_error', reason: error instanceof Error ? error.stack : error });
  return refuse(core, connection, request, at, 'internal_error', 'The server failed.');
}
