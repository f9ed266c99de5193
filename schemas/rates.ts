import Type from 'typebox';
import { as, Count, closed, Milliseconds } from './envelope.js';

export const Rate = closed(
  {
    bucket: Type.String({
      description: 'Name of the bucket.',
      minLength: 1,
    }),
    types: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      description: 'Message types that share the bucket.',
      minItems: 1,
      uniqueItems: true,
    }),
    limit: as(Count, 'Messages admitted in any window.'),
    window_ms: as(Milliseconds, 'Length of the sliding window in milliseconds.'),
    scope: Type.Enum(['connection', 'user'], {
      description: 'Whether each connection has a window, or a user’s connections share one.',
    }),
    close_after: as(Count, 'Refusals that close the connection with 4101; 0: never.'),
  },
  { description: 'One bucket of the rate limiter.' },
);
