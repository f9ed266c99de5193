import Type from 'typebox';
import { as, Count, closed, event, exactly, Id, Milliseconds, Room, request } from './envelope.js';
import { errors } from './errors.js';

const Payload = Type.Unsafe<Record<string, unknown>>({
  description: 'Anything.',
  type: 'object',
});

export const pingRequest = request('ping', 'Asks for a `pong`.', { data: Type.Optional(Payload) });

export const pongEvent = event('pong', 'Answers a `ping` with the same `data`.', {
  ref: Type.Optional(Id),
  data: Payload,
});

const codes = (retryable: boolean) =>
  errors.filter((row) => row.retryable === retryable).map((row) => row.code);

const when = (some: readonly string[], consequence: object) => ({
  if: { type: 'object', properties: { code: { enum: [...some] } }, required: ['code'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { type: 'object', ...consequence },
});

const demands = (code: string, ...members: string[]) =>
  when([code], {
    properties: Object.fromEntries(members.map((member) => [member, true])),
    required: members,
  });

export const errorEvent = event('error', 'A request or frame was refused; nothing happened.', {
  ref: Type.Optional(Id),
  room: Type.Optional(Room),
  data: closed(
    {
      code: Type.Enum(
        errors.map((row) => row.code),
        { description: 'The registered code.' },
      ),
      message: Type.String({
        description: 'What was wrong: one line of English, for people.',
        ...exactly('[^\\n\\r]{1,200}'),
      }),
      retryable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
      retry_after_ms: Type.Optional(as(Milliseconds, 'When to try again.')),
      path: Type.Optional(
        Type.String({
          description: 'JSON Pointer to the faulty member of the request.',
          pattern: '^(/([^~/]|~[01])*)*$',
        }),
      ),
      limit: Type.Optional(as(Count, 'The limit that was exceeded.')),
      bucket: Type.Optional(Type.String({ description: 'The full bucket.', minLength: 1 })),
    },
    {
      allOf: [
        when(codes(true), { properties: { retryable: { const: true } } }),
        when(codes(false), { properties: { retryable: { const: false } } }),
        demands('invalid_payload', 'path'),
        demands('rate_limited', 'bucket', 'limit', 'retry_after_ms'),
      ],
    },
  ),
});
