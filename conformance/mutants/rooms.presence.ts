import type { Connection, LeaveReason } from '#server/state.js';
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

/** A connection that ends with this code is said to have gone for another reason. */
const misnaming =
  (code: number, wrong: LeaveReason): Mutant['parts'] =>
  ({ logs, rooms: right }) => {
    const ended = new Set<string>();
    return {
      logs: {
        disconnect(core, connection, closing) {
          if (closing.code === code) ended.add(connection.grant.user);
          return logs.disconnect(core, connection, closing);
        },
      },
      rooms: {
        leaveEvent: (name, user, reason, at) =>
          right.leaveEvent(name, user, ended.has(user) ? wrong : reason, at),
      },
    };
  };

/** Faults of the chapter `rooms` that are about those who are no longer there. */
export const presence: readonly Mutant[] = [
  ...(
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
  ),
  ...(
    [
      ['expiry-called-unauthorized', 4001, 'unauthorized', 'that ends with its token'],
      ['going-away-called-left', 1001, 'left', 'that the client closes with 1001'],
      ['close-without-code-called-left', 1005, 'left', 'that the client closes without a code'],
    ] as const
  ).map(([name, code, reason, which]) =>
    mutant(
      'rooms-presence-reason-disconnected',
      name,
      `The reason of a connection ${which} is \`${reason}\`.`,
      misnaming(code, reason),
    ),
  ),
];
