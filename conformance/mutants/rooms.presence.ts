import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

/** Nobody takes a connection out of its rooms that ends with this code. */
const staying =
  (code: number): Mutant['parts'] =>
  ({ logs, rooms: right }) => {
    const forgotten = new WeakSet<Connection>();
    return {
      logs: {
        disconnect(core, connection, closing) {
          if (closing.code === code) forgotten.add(connection);
          return logs.disconnect(core, connection, closing);
        },
      },
      rooms: {
        vacated: (connection) => (forgotten.has(connection) ? [] : right.vacated(connection)),
      },
    };
  };

/** Faults of the chapter `rooms` that are about those who are no longer there. */
export const presence: readonly Mutant[] = (
  [
    ['sender-of-too-much-stays-member', 1009, 'that sent too long a message'],
    ['erring-connection-stays-member', 4000, 'with too many protocol errors'],
    ['expired-stays-member', 4001, 'whose token has ended'],
    ['rate-limited-stays-member', 4101, 'that was closed for its rate'],
  ] as const
).map(([name, code, which]) =>
  mutant(
    'rooms-closed-has-left',
    name,
    `A connection ${which} is closed, and stays a member of its rooms.`,
    staying(code),
  ),
);
