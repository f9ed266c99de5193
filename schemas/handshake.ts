import Type from 'typebox';
import { demands } from './conditions.js';
import {
  as,
  Count,
  closed,
  event,
  Id,
  Milliseconds,
  Timestamp,
  TypeName,
  User,
} from './envelope.js';
import { Limits } from './limits.js';
import { Rate } from './rates.js';

export const welcome = event(
  'welcome',
  'The first frame of every accepted connection: who the user is and which numbers hold.',
  {
    data: closed(
      {
        protocol: Type.Literal('parlor.v1', { description: 'The protocol that is spoken.' }),
        server: closed(
          {
            name: Type.String({ description: 'Name of the software.' }),
            version: Type.String({ description: 'Version of the software.' }),
          },
          { description: 'The server’s software.' },
        ),
        connection_id: as(Id, 'Names this connection.'),
        user: User,
        features: Type.Array(as(TypeName, 'A profile’s token.'), {
          description: 'The optional profiles that the server speaks.',
          uniqueItems: true,
        }),
        heartbeat: closed(
          {
            interval_ms: as(Milliseconds, 'Longest time between two Pings of the server.'),
            timeout_ms: as(Milliseconds, 'Time that a Ping may stay unanswered.'),
          },
          { description: 'The heartbeat.' },
        ),
        auth: closed(
          {
            method: Type.Enum(['token', 'session'], {
              description: 'How the user was verified.',
            }),
            expires_at: Type.Union([Timestamp, Type.Null()], {
              description: 'When the credentials expire; null: never.',
            }),
          },
          { description: 'The credentials that were accepted.' },
        ),
        limits: Limits,
        rates: Type.Array(Rate, { description: 'The buckets of the rate limiter.' }),
        typing_ttl_ms: as(Milliseconds, 'Time after which the server ends a typing indicator.'),
        resume: Type.Optional(
          closed(
            {
              window_ms: as(Milliseconds, 'How long an event can be replayed.'),
              max_events: as(Count, 'How many events of a room can be replayed.'),
            },
            { description: 'Bounds of the history; with the profile `resume`.' },
          ),
        ),
        dedup_window_ms: Type.Optional(
          as(Milliseconds, 'How long a repeated request is recognised; with the profile `resume`.'),
        ),
        session_revocation_ms: Type.Optional(
          as(
            Milliseconds,
            'Longest time from a session’s revocation to the close of its connections; with the profile `session`.',
          ),
        ),
        instance: Type.Optional(as(Id, 'The instance that holds this connection; in a cluster.')),
        presence_ttl_ms: Type.Optional(
          as(
            Milliseconds,
            'Longest time from an instance’s death to the `leave` of its users; in a cluster.',
          ),
        ),
      },
      {
        allOf: [
          demands(
            { features: { type: 'array', contains: { const: 'resume' } } },
            'resume',
            'dedup_window_ms',
          ),
          demands(
            { features: { type: 'array', contains: { const: 'session' } } },
            'session_revocation_ms',
          ),
          demands({ instance: true }, 'presence_ttl_ms'),
        ],
      },
    ),
  },
);
