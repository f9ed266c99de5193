import { type Mutant, mutant } from './mutant.js';
import { inRates } from './tampering.js';

/** A user's log is dropped with a connection that ends; `ends` is told how many the user had, and decides. */
const dropping =
  (ends: (connections: number) => boolean): Mutant['parts'] =>
  ({ rates: right }) => {
    const visits = new Map<string, number>();
    return {
      rates: {
        sharedKey(rate, connection) {
          const { user } = connection.grant;
          return `${right.sharedKey(rate, connection)}:${visits.get(user) ?? 0}`;
        },
      },
      logs: {
        disconnect(core, connection, closing) {
          const { user } = connection.grant;
          if (ends(core.users.get(user)?.size ?? 0)) visits.set(user, (visits.get(user) ?? 0) + 1);
          return { event: 'websocket_disconnect', ...closing };
        },
      },
    };
  };

/** A user's log that is not full is taken for one that nobody needs any more, once the last connection has ended. */
const droppingPart: Mutant['parts'] = (right) => {
  const admitted = new Map<string, number[]>();
  const { logs, ...parts } = dropping((connections) => connections <= 1)(right);
  const disconnect = logs?.disconnect ?? right.logs.disconnect;
  return {
    ...parts,
    gates: {
      rate(core, connection, incoming) {
        const effects = right.gates.rate(core, connection, incoming);
        const { user } = connection.grant;
        if (effects === null)
          admitted.set(user, [...(admitted.get(user) ?? []), incoming.at.steady]);
        return effects;
      },
    },
    logs: {
      disconnect(core, connection, closing) {
        const [rate] = core.config.rates;
        const since = core.now().steady - (rate?.window_ms ?? 0);
        const recent = admitted.get(connection.grant.user)?.filter((time) => time > since);
        return (recent?.length ?? 0) < (rate?.limit ?? 0)
          ? disconnect(core, connection, closing)
          : right.logs.disconnect(core, connection, closing);
      },
    },
  };
};

/** Faults in what counts together, and what counts apart. */
export const scopes: readonly Mutant[] = [
  mutant(
    'rates-buckets-apart',
    'one-bucket-for-all',
    'All types share one window.',
    inRates(() => ({ bucket: (_type, all) => all[0] })),
  ),
  mutant(
    'rates-user-scope-shared',
    'limiter-per-connection',
    'The limiter is keyed by the connection where the user is announced.',
    inRates(() => ({ sharedKey: () => null })),
  ),
  mutant(
    'rates-user-scope-shared',
    'log-dropped-with-any-connection',
    "A user's log goes with each connection that ends.",
    dropping(() => true),
  ),
  mutant(
    'rates-user-scope-survives-reconnect',
    'log-dropped-with-last-connection',
    "A user's log goes with the last connection.",
    dropping((connections) => connections <= 1),
  ),
  mutant(
    'rates-user-scope-survives-reconnect',
    'log-dropped-unless-full',
    "A user's log that is not full goes with the last connection.",
    droppingPart,
  ),
  mutant(
    'rates-users-apart',
    'one-window-for-everybody',
    'All users share one window.',
    inRates(() => ({ sharedKey: ({ bucket }) => bucket })),
  ),
  mutant(
    'rates-users-apart',
    'user-key-without-case',
    'Users whose names differ only in case share one window.',
    inRates(({ sharedKey }) => ({
      sharedKey: (rate, connection) => sharedKey(rate, connection)?.toLowerCase() ?? null,
    })),
  ),
  mutant(
    'rates-users-apart',
    'user-key-normalised',
    'Users whose names are equal in Unicode normalisation form C share one window.',
    inRates(({ sharedKey }) => ({
      sharedKey: (rate, connection) => sharedKey(rate, connection)?.normalize('NFC') ?? null,
    })),
  ),
  mutant(
    'rates-connection-scope-apart',
    'connection-scope-per-user',
    'The bucket of scope connection is keyed by the user.',
    inRates(() => ({ sharedKey: ({ bucket }, { grant }) => `${bucket}:${grant.user}` })),
  ),
];
