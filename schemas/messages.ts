import Type from 'typebox';
import { demands, given } from './conditions.js';
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
        given({ code: { enum: codes(true) } }, { properties: { retryable: { const: true } } }),
        given({ code: { enum: codes(false) } }, { properties: { retryable: { const: false } } }),
        demands({ code: { const: 'invalid_payload' } }, 'path'),
        demands({ code: { const: 'rate_limited' } }, 'bucket', 'limit', 'retry_after_ms'),
      ],
    },
  ),
});
