import Type from 'typebox';
import { as, Count, closed, exactly, Positive, TypeName } from './envelope.js';

export const Rate = closed(
  {
    bucket: Type.String({
      description: 'Name of the bucket.',
      ...exactly('[a-z][a-z0-9_]{0,63}'),
    }),
    types: Type.Array(TypeName, {
      description: 'Message types that share the bucket.',
      uniqueItems: true,
    }),
    limit: as(Positive, 'Messages admitted in any window.'),
    window_ms: as(Positive, 'Length of the sliding window in milliseconds.'),
    scope: Type.Enum(['connection', 'user'], {
      description: 'Whether each connection has a window, or a user’s connections share one.',
    }),
    close_after: as(Count, 'Refusals that close the connection with 4101; 0: never.'),
  },
  { description: 'One bucket of the rate limiter.' },
);
