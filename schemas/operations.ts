import Type from 'typebox';
import { as, Count, open, Timestamp } from './envelope.js';

const ActiveConnections = as(Count, 'Connections that are welcomed and open.');

export const stats = open(
  {
    active_connections: ActiveConnections,
    total_messages: as(Count, 'Accepted messages of the bucket `messages` since the start.'),
    uptime_seconds: Type.Number({
      description: 'Seconds since the start, whole or with fractions.',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
    messages_per_second: Type.Number({
      description: 'Messages accepted in the last min(60, uptime) seconds, over that span.',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  },
  { description: 'The body of `GET /stats`.' },
);

export const health = open(
  {
    status: Type.Enum(['healthy', 'draining', 'degraded'], {
      description: 'Only `healthy` comes with status 200.',
    }),
    active_connections: ActiveConnections,
    timestamp: Timestamp,
  },
  { description: 'The body of `GET /health/websocket`.' },
);

export const problem = open(
  {
    type: Type.Optional(Type.String({ description: 'URI reference of the kind of problem.' })),
    title: Type.Optional(Type.String({ description: 'The kind of problem, in words.' })),
    status: Type.Optional(
      Type.Integer({ description: 'The HTTP status code.', minimum: 100, maximum: 599 }),
    ),
    detail: Type.Optional(Type.String({ description: 'This problem, in words.' })),
    instance: Type.Optional(Type.String({ description: 'URI reference of this problem.' })),
  },
  { description: 'The body of an HTTP error, as in RFC 9457.' },
);
