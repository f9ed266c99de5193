import Type, { type TObject, type TObjectOptions, type TProperties, type TSchema } from 'typebox';

/** The prefix of every schema's `$id`. */
export const urn = 'urn:parlor:v1:';

/** The largest integer that every JSON reader keeps exact. */
const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

// A shared definition carries its name as `$anchor`; emit.ts turns each use into a `$ref`.

/**
 * A whole string of one form. In many languages `$` also matches before a final line feed, so that is refused by itself;
 * patterns keep to what RE2, PCRE, Python and Java read alike.
 */
export const exactly = (pattern: string) => ({ pattern: `^${pattern}$`, not: { pattern: '\\n' } });

export const Timestamp = Type.String({
  $anchor: 'timestamp',
  description: 'RFC 3339 in UTC, with exactly three decimals: the server’s time of acceptance.',
  ...exactly(
    '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z',
  ),
});

export const Id = Type.String({
  $anchor: 'id',
  description: 'An identifier: 1 to 64 letters, digits, dots, underscores, colons and hyphens.',
  ...exactly('[A-Za-z0-9._:-]{1,64}'),
});

export const Room = Type.String({
  $anchor: 'room',
  description: 'A room’s name, compared byte by byte.',
  ...exactly('[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}'),
});

export const User = Type.String({
  $anchor: 'user',
  description: 'A verified user: 1 to 255 bytes of UTF-8 without control characters.',
  minLength: 1,
  maxLength: 255,
  ...exactly('[^\\x00-\\x1F\\x7F]+'),
});

export const Seq = Type.Integer({
  $anchor: 'seq',
  description: 'Place of an event in its room, from 1, per epoch.',
  minimum: 1,
  maximum: MAX_INTEGER,
});

export const TypeName = Type.String({
  $anchor: 'type',
  description: 'A type’s name; the prefix `x.` belongs to applications.',
  ...exactly('[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*'),
  maxLength: 64,
});

export const Positive = Type.Integer({
  $anchor: 'positive',
  description: 'A whole number, from 1.',
  minimum: 1,
  maximum: MAX_INTEGER,
});

export const Count = Type.Integer({
  $anchor: 'count',
  description: 'A whole number, from 0.',
  minimum: 0,
  maximum: MAX_INTEGER,
});

export const Milliseconds = Type.Integer({
  $anchor: 'milliseconds',
  description: 'A span of time in milliseconds, from 0.',
  minimum: 0,
  maximum: MAX_INTEGER,
});

export const Text = Type.String({
  $anchor: 'text',
  description: 'Text of 1 to `limits.max_text_bytes` bytes of UTF-8.',
  minLength: 1,
});

export const Meta = Type.Unsafe<Record<string, unknown>>({
  $anchor: 'meta',
  description: 'What the application wants to say; relayed JSON-equal.',
  type: 'object',
});

/** The shared definitions, by name: `defs.json`. */
export const definitions = [
  TypeName,
  Timestamp,
  Id,
  Room,
  User,
  Seq,
  Count,
  Positive,
  Milliseconds,
  Text,
  Meta,
];

/** A shared definition with a sentence of its own. */
export function as<T extends TSchema>(schema: T, description: string): T {
  return Type.With(schema, { description }) as unknown as T;
}

/** An object of the client: members that are not listed are ignored. */
export function open<P extends TProperties>(
  properties: P,
  options: TObjectOptions = {},
): TObject<P> {
  return Type.Object(properties, options);
}

/** An object of the server: it has the listed members and no others. */
export function closed<P extends TProperties>(
  properties: P,
  options: TObjectOptions = {},
): TObject<P> {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** What holds for a client's message before its type is looked at. */
export const envelopeRequest = open(
  {
    type: TypeName,
    id: Type.Optional(Id),
    room: Type.Optional(Room),
    data: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object' })),
  },
  { description: 'Any message of a client: a fault here is `invalid_envelope`.' },
);

/** A client's message of one type; `extra` holds envelope members such as `data` and `room`. */
export function request<T extends string, P extends TProperties>(
  type: T,
  description: string,
  extra: P,
) {
  return open({ type: Type.Literal(type), id: Type.Optional(Id), ...extra }, { description });
}

/** A server's message of one type; `extra` holds envelope members such as `data` and `room`. */
export function event<T extends string, P extends TProperties>(
  type: T,
  description: string,
  extra: P,
) {
  return closed({ type: Type.Literal(type), timestamp: Timestamp, ...extra }, { description });
}

/** The acknowledgement of one type of request; `extra` holds `room` where the request had one. */
export function ack<D extends TSchema, P extends TProperties>(
  description: string,
  data: D,
  extra: P,
) {
  return event('ack', description, { ref: Id, data, ...extra });
}
