import type { Parts, PartsOverrides } from '#server/parts.js';
import { perform } from '#server/perform.js';
import { incoming, receive } from '#server/requests.js';
import type { Closing, Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const closing =
  (change: (closing: Closing) => Closing): Mutant['parts'] =>
  () => ({ closes: { send: change } });

const reasoning = (change: (reason: string, code: number) => string) =>
  closing(({ code, reason }) => ({ code, reason: change(reason, code) }));

const own = (code: number) => code >= 4_000;

// A server that notes what its clients closed with, and takes it amiss.
const noting =
  (
    make: (
      right: Parts,
    ) => { note: (connection: Connection, code: number) => void } & PartsOverrides,
  ): Mutant['parts'] =>
  (right) => {
    const { note, ...rest } = make(right);
    return {
      ...rest,
      logs: {
        disconnect: (core, connection, given) => {
          note(connection, given.code);
          return right.logs.disconnect(core, connection, given);
        },
      },
    };
  };

// What comes after the server's Close frame is carried out like what came before.
const readingOn: Mutant['parts'] = () => ({
  closes: {
    send(closing, core, connection) {
      const link = connection.link as { message?(bytes: Buffer, binary: boolean): void };
      link.message = (bytes, binary) => {
        connection.phase = 'welcomed';
        const outcome = receive(core, connection, incoming(bytes, binary, core));
        if (!(outcome instanceof Promise)) perform(core, connection, outcome);
        connection.phase = 'ended';
      };
      return closing;
    },
  },
});

/** Faults of the chapter `closes`. */
export const closes: readonly Mutant[] = [
  mutant(
    'closes-code-registered',
    'close-http-status',
    'The close code is 4000 and the status that HTTP would have.',
    closing(({ code, reason }) => ({ code: code === 4001 ? 4401 : code, reason })),
  ),
  mutant(
    'closes-code-registered',
    'close-of-its-own',
    'The limit of connections has a code of its own.',
    closing(({ code, reason }) => ({ code: code === 4005 ? 4029 : code, reason })),
  ),
  mutant(
    'closes-code-registered',
    'close-library-range',
    'Too many protocol errors are closed with a code of the range for libraries.',
    closing(({ code, reason }) => ({ code: code === 4000 ? 3008 : code, reason })),
  ),
  mutant(
    'closes-reason-registered',
    'reason-empty',
    'Closes have no reason.',
    reasoning((reason, code) => (own(code) ? '' : reason)),
  ),
  mutant(
    'closes-reason-registered',
    'reason-other-words',
    'The reasons are those of another protocol.',
    reasoning((reason) => reason.replace('token_expired', 'jwt_expired')),
  ),
  mutant(
    'closes-reason-grammar',
    'reason-sentence',
    'Reasons are sentences.',
    reasoning((reason, code) => (own(code) ? `Closed: ${reason.replaceAll('_', ' ')}.` : reason)),
  ),
  mutant(
    'closes-reason-grammar',
    'reason-json',
    'Reasons are JSON.',
    reasoning((reason, code) => (own(code) ? JSON.stringify({ reason }) : reason)),
  ),
  mutant(
    'closes-reason-grammar',
    'reason-with-spaces',
    'There is a space behind the semicolon of a reason.',
    reasoning((reason, code) => (own(code) ? `${reason}; hint=retry` : reason)),
  ),
  mutant(
    'errors-budget-spent',
    'read-on-after-the-close',
    'What a client sends after the Close frame for its errors is carried out.',
    readingOn,
  ),
  mutant(
    'rooms-closed-has-left',
    'closed-comes-back',
    'A join that comes after the Close frame brings the connection back into the room.',
    readingOn,
  ),
  mutant(
    'closes-retry-after',
    'retry-after-missing',
    'A restart does not say when to come back.',
    reasoning((reason, code) => (code === 1012 ? 'server_restart' : reason)),
  ),
  mutant(
    'closes-retry-after',
    'retry-after-missing-for-rate',
    'A close for the rate does not say when to come back.',
    reasoning((reason, code) => (code === 4101 ? 'rate_limited' : reason)),
  ),
  mutant(
    'closes-retry-after',
    'retry-after-in-seconds',
    'The time to come back is a fraction of seconds.',
    reasoning((reason) => reason.replace(/retry_after_ms=(\d+)/, 'retry_after_ms=$1.5')),
  ),
  mutant(
    'closes-any-client-code',
    'close-codes-keep-presence',
    'Whoever closes with another code than 1000 stays in its rooms.',
    noting(({ rooms }) => {
      const odd = new WeakSet<Connection>();
      return {
        note: (connection, code) => {
          if (code >= 3_000) odd.add(connection);
        },
        rooms: {
          vacated: (connection) => (odd.has(connection) ? [] : rooms.vacated(connection)),
        },
      };
    }),
  ),
  mutant(
    'closes-any-client-code',
    'close-codes-remembered',
    'Whoever closes with 4001 may not come back.',
    noting(({ tokens }) => {
      const grudge = new Set<string>();
      return {
        note: ({ grant }, code) => {
          if (code === 4_001) grudge.add(grant.user);
        },
        tokens: {
          claims: (claims, config, wall) =>
            !grudge.has(String(claims['sub'])) && tokens.claims(claims, config, wall),
        },
      };
    }),
  ),
];
