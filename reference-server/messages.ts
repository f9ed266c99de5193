import { messages as registry } from '#schemas/registry.js';
import { type Fault, validateClient } from '#schemas/validate.js';
import { type Instant, timestamp } from './clock.js';
import { binaryFrame, type Frame, textFrame } from './frames.js';
import type { Config } from './options.js';
import type { Core, Effect, Outgoing, Request, Step } from './state.js';
import { isSubject } from './tokens.js';

/** The types that clients may send, each with the profiles that have it. */
const clientTypes = new Map<string, readonly string[]>(
  // The row 'x' stands for the types of applications, of which this server has none.
  registry.flatMap((row) =>
    row.direction === 'client' && row.type !== 'x' ? [[row.type, row.profiles]] : [],
  ),
);

/** The types whose `text` is what a user says; elsewhere it is a member like any other. */
const spokenTypes = new Set(['chat', 'direct', 'broadcast']);

/** The types whose messages name a room. */
const roomTypes = new Set(['join', 'leave', 'members', 'chat', 'typing', 'binary']);

const TYPE = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;
const ID = /^[A-Za-z0-9._:-]{1,64}$/;
const ROOM = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
const DEEPEST = 32;

/** Whether a JSON value is an object, and no array. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What I-JSON and the depth limit have against a value, as a sentence; null: nothing. */
function hostility(value: unknown, depth: number): string | null {
  if (typeof value === 'string')
    return value.isWellFormed() ? null : 'A string of the message holds an unpaired surrogate.';
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : 'A number of the message is too large for binary64.';
  if (typeof value !== 'object' || value === null) return null;
  if (depth > DEEPEST) return `The message is nested more than ${DEEPEST} levels deep.`;
  for (const name in value) {
    const flaw =
      (Array.isArray(value) || name.isWellFormed() ? null : hostility(name, depth)) ??
      hostility((value as Record<string, unknown>)[name], depth + 1);
    if (flaw !== null) return flaw;
  }
  return null;
}

/** What reading a message came to: its JSON, or what is wrong with it. */
export type Reading =
  | { readonly value: unknown; readonly payload?: Buffer }
  | {
      readonly code: 'invalid_json' | 'invalid_envelope';
      readonly message: string;
      /** The JSON all the same, where there is one: its `id` is answered to. */
      readonly flawed?: unknown;
    };

/** The decisions of the chapter `messages`. */
export interface MessagesParts {
  /** Reads a text message as I-JSON. */
  parse(text: string): Reading;
  /** Judges `type`, `data`, `id` and `room`; a sentence says what is wrong, null that nothing is. */
  envelope(value: unknown): string | null;
  /** Takes over what a reply needs, as far as it is well-formed: `id`, `type` and `room`. */
  identify(value: unknown, request: Request): void;
  /** Takes over the members that the protocol knows; all else, such as `from` or `seq`, is dropped here. */
  read(value: Readonly<Record<string, unknown>>, request: Request): void;
  /** Whether clients may send the type at all. */
  known(type: string): boolean;
  /** Whether a welcomed connection may send the type, by the announced profiles. */
  supported(type: string, config: Config): boolean;
  /** Judges `data` and `room` by the type's schema. */
  payload(request: Request, core: Core): (Fault & { readonly limit?: number }) | null;
  /** The reply to a request, or null where none is due. */
  reply(
    request: Request,
    type: 'ack' | 'error' | 'pong',
    data: Readonly<Record<string, unknown>>,
    at: Instant,
  ): Outgoing | null;
  /** The `data` of a `pong`. */
  pong(request: Request): Readonly<Record<string, unknown>>;
  /** The text of a message, as it travels. */
  write(message: Outgoing): string;
  /** The frame of a message. */
  encode(core: Core, message: Outgoing, payload: Uint8Array | undefined): Frame;
}

/** As the specification has it. */
export const messages: MessagesParts = {
  parse(text) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { code: 'invalid_json', message: 'The message is not JSON.' };
    }
    const flaw = hostility(value, 1);
    return flaw === null ? { value } : { code: 'invalid_json', message: flaw, flawed: value };
  },

  envelope(value) {
    if (!isObject(value)) return 'A message must be a JSON object.';
    const { type, data, id, room } = value;
    if (typeof type !== 'string' || type.length > 64 || !TYPE.test(type))
      return 'The member "type" must be a string of lower-case words, at most 64 bytes long.';
    if (data !== undefined && !isObject(data)) return 'The member "data" must be an object.';
    if (id !== undefined && !(typeof id === 'string' && ID.test(id)))
      return 'The member "id" must be 1 to 64 of A-Z, a-z, 0-9, ".", "_", ":" and "-".';
    if (room !== undefined && !(typeof room === 'string' && ROOM.test(room)))
      return 'The member "room" must be 1 to 128 of A-Z, a-z, 0-9, "_", ".", ":" and "-", the first alphanumeric.';
    return null;
  },

  identify(value, request) {
    if (!isObject(value)) return;
    const { type, id, room } = value;
    if (typeof id === 'string' && ID.test(id)) request.id = id;
    if (typeof type === 'string') request.type = type;
    if (typeof room === 'string' && ROOM.test(room)) request.room = room;
  },

  read(value, request) {
    const { type, data, id, room } = value;
    request.type = type as string;
    request.id = id as string | undefined;
    request.room = room as string | undefined;
    request.data = (data as Record<string, unknown> | undefined) ?? {};
  },

  known: (type) => clientTypes.has(type),

  supported(type, config) {
    // As a first message it never comes here.
    if (type === 'auth') return config.features.has('auth_refresh');
    const profiles = clientTypes.get(type);
    return profiles?.some((it) => it === 'core' || config.features.has(it)) ?? false;
  },

  payload({ type, room, data }, { config, parts }) {
    // Without the profile, `since` may be anything at all.
    const judged = type === 'join' && !config.features.has('resume') ? {} : data;
    const fault = validateClient(
      type,
      room === undefined ? { type, data: judged } : { type, room, data: judged },
    );
    if (fault) return fault;
    if (type === 'direct' && !isSubject(data['to']))
      return {
        path: '/data/to',
        message: 'must be a user: 1 to 255 bytes without control characters',
      };
    const limit = config.limits.max_text_bytes;
    const text = spokenTypes.has(type) ? data['text'] : null;
    return typeof text !== 'string' || parts.limits.textBytes(text) <= limit
      ? null
      : { path: '/data/text', message: `is longer than ${limit} bytes of UTF-8`, limit };
  },

  reply(request, type, data, at) {
    if (request.id === undefined && type === 'ack') return null;
    return {
      type,
      ...(request.id === undefined ? {} : { ref: request.id }),
      ...(request.room !== undefined && roomTypes.has(request.type) ? { room: request.room } : {}),
      timestamp: timestamp(at.wall),
      data,
    };
  },

  pong: (request) => request.data,

  write: (message) => JSON.stringify(message),

  encode(core, message, payload) {
    const text = core.parts.messages.write(message);
    if (payload === undefined) return textFrame(text);
    return binaryFrame(core.parts.binary.write(Buffer.from(text), payload));
  },
};

/** The reply to a request as effects: none where none is due. */
export function reply(
  core: Core,
  request: Request,
  type: 'ack' | 'pong',
  data: Readonly<Record<string, unknown>>,
  at: Instant,
): Effect[] {
  const message = core.parts.messages.reply(request, type, data, at);
  return message ? [{ do: 'send', message }] : [];
}

/** `ping`: the same data back. */
export const ping: Step = (core, _connection, { request, at }) =>
  reply(core, request, 'pong', core.parts.messages.pong(request), at);
