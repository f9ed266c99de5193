import type { Connection } from '#server/state.js';
import { asked } from './authentication.messages.js';
import { type Mutant, mutant } from './mutant.js';

/** Faults that show on a user who has a connection by a session, and one by a token. */
export const users: readonly Mutant[] = [
  ...(['rooms-presence-join-first-only', 'rooms-presence-leave-last-only'] as const).map(
    (rule, index) =>
      mutant(
        rule,
        `presence-of-sessions-apart-${index + 1}`,
        'Who is in a room is kept by session, and by user where there is none.',
        ({ handshake, rooms }) => {
          const sessions = new Map<string, string>();
          return {
            handshake: {
              greet: (core, connection, at) => {
                const { session } = connection.grant;
                if (session !== null) sessions.set(connection.id, session);
                return handshake.greet(core, connection, at);
              },
            },
            rooms: {
              presenceOf: (who) => sessions.get(who.connection) ?? rooms.presenceOf(who),
            },
          };
        },
      ),
  ),
  mutant(
    'direct-delivered-to-each-connection',
    'direct-not-to-first',
    'Who brought the token in the first message is told nothing.',
    asked(({ direct }, wasAsked) => ({
      direct: {
        recipients: (core, to, message) =>
          [...direct.recipients(core, to, message)].filter((each) => !wasAsked(each)),
      },
    })),
  ),
  mutant(
    'direct-delivered-to-each-connection',
    'direct-not-to-sessions',
    'Who came with a session is told nothing.',
    ({ direct }) => ({
      direct: {
        recipients: (core, to, message) =>
          [...direct.recipients(core, to, message)].filter(({ grant }) => grant.session === null),
      },
    }),
  ),
  mutant(
    'limits-connections-over-closed',
    'places-by-method',
    'A user may have as many connections by sessions as by tokens.',
    ({ limits }) => ({
      limits: {
        connectionsPerUser: (core, grant) => {
          const others = ({ grant: { method } }: Connection) => method !== grant.method;
          const more = [...(core.users.get(grant.user) ?? [])].filter(others).length;
          return limits.connectionsPerUser(core, grant) + more;
        },
      },
    }),
  ),
];
