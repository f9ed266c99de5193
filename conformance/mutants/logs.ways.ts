import type { Connection } from '#server/state.js';
import { asked } from './authentication.messages.js';
import { type Mutant, mutant } from './mutant.js';

// Of some refusals the line is called otherwise.
const otherwise =
  (isSuch: (code: number) => boolean): Mutant['parts'] =>
  ({ logs }) => ({
    logs: {
      disconnect: (core, connection, closing) => {
        const line = logs.disconnect(core, connection, closing);
        return !connection.welcomed && isSuch(closing.code)
          ? { ...line, event: 'http_request' }
          : line;
      },
    },
  });

/** Faults of the log that show on connections which came in another way than by a token in the query. */
export const ways: readonly Mutant[] = [
  mutant(
    'logs-connect-recorded',
    'connect-of-first-not-logged',
    'A connection that brought its token in the first message is not logged.',
    asked(({ logs }, wasAsked) => ({
      logs: {
        connect: (core, connection) => ({
          ...logs.connect(core, connection),
          ...(wasAsked(connection) ? { event: 'websocket_authenticated' } : {}),
        }),
      },
    })),
  ),
  mutant(
    'logs-connect-recorded',
    'connect-of-first-without-user',
    'Where the first message brings the token, the line of the connection does not name its user.',
    asked(({ logs }, wasAsked) => ({
      logs: {
        connect: (core, connection) => {
          const { user, ...line } = logs.connect(core, connection) as { user?: string };
          return wasAsked(connection) ? line : { ...line, user };
        },
      },
    })),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusal-of-session-not-logged',
    'A session that is refused leaves no line.',
    otherwise((code) => code === 4003),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusal-for-limit-not-logged',
    'A connection that is one too many leaves no line.',
    otherwise((code) => code === 4005),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusal-for-version-not-logged',
    'A version that is not spoken leaves no line.',
    otherwise((code) => code === 4002),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusal-of-first-not-logged',
    'A first message that is refused leaves no line.',
    asked(({ logs }, wasAsked) => ({
      logs: {
        disconnect: (core, connection: Connection, closing) => ({
          ...logs.disconnect(core, connection, closing),
          ...(wasAsked(connection) && !connection.welcomed ? { event: 'http_request' } : {}),
        }),
      },
    })),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusal-for-limit-with-user',
    'A connection that is one too many is logged with a user, and was not welcomed.',
    ({ logs }) => ({
      logs: {
        disconnect: (core, connection, closing) => ({
          ...logs.disconnect(core, connection, closing),
          ...(closing.code === 4005 ? { user: connection.grant.user } : {}),
        }),
      },
    }),
  ),
];
