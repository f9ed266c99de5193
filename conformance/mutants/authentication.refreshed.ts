import { perform } from '#server/perform.js';
import type { Connection, Grant } from '#server/state.js';
import { after, failed, type Refresh, regrant } from './authentication.refresh.js';
import { type Mutant, mutant } from './mutant.js';

// A server that keeps something by user, and begins anew with each new token of the user.
function forgetting(
  change: (
    name: (key: string, user: string) => string,
    right: Parameters<Mutant['parts']>[0],
  ) => ReturnType<Mutant['parts']>,
): Mutant['parts'] {
  return (right) => {
    const refreshes = new Map<string, number>();
    const counting = after(({ connection, effects }) => {
      const { user } = connection.grant;
      if (!failed(effects)) refreshes.set(user, (refreshes.get(user) ?? 0) + 1);
      return undefined;
    });
    const name = (key: string, user: string) =>
      refreshes.has(user) ? `${key} ${refreshes.get(user)}` : key;
    return { ...counting(right), ...change(name, right) };
  };
}

// What a new token brings is given to the user's other connections, too.
const ofAll = (change: (refresh: Refresh) => Partial<Grant>) =>
  after((refresh) => {
    const { core, connection, effects } = refresh;
    if (failed(effects)) return undefined;
    for (const each of core.users.get(connection.grant.user) ?? [])
      if (each !== connection) regrant(core, each, change(refresh));
    return undefined;
  });

/** Faults in what else depends on the token of a connection, or must not. */
export const refreshed: readonly Mutant[] = [
  mutant(
    'rooms-claim-allows',
    'refresh-restriction-kept',
    'A new token without the claim rooms leaves the restriction of the old one in force.',
    after(({ connection, old, effects }) => {
      if (!failed(effects) && connection.grant.rooms === null)
        connection.grant = { ...connection.grant, rooms: old.rooms };
      return undefined;
    }),
  ),
  mutant(
    'rooms-claim-forbids',
    'refresh-frees-all-connections',
    "The rooms of a new token hold for all of the user's connections.",
    ofAll(({ connection }) => ({ rooms: connection.grant.rooms })),
  ),
  mutant(
    'authentication-expiry-closes',
    'refresh-extends-all-connections',
    "A new token extends the time of all of the user's connections.",
    ofAll(({ connection, old }) => {
      const { expiresAt } = connection.grant;
      return Number(expiresAt) > Number(old.expiresAt) ? { expiresAt } : {};
    }),
  ),
  mutant(
    'authentication-expiry-not-early',
    'refresh-shortens-all-connections',
    "A new token shortens the time of all of the user's connections.",
    ofAll(({ connection, old }) => {
      const { expiresAt } = connection.grant;
      return Number(expiresAt) < Number(old.expiresAt) ? { expiresAt } : {};
    }),
  ),
  mutant(
    'errors-budget-spent',
    'refresh-refills-budget',
    'A new token gives the budget for protocol errors back.',
    after(({ connection, effects }) => {
      if (!failed(effects)) connection.faults = [];
      return undefined;
    }),
  ),
  mutant(
    'errors-budget-malformed-only',
    'refused-auth-spends-budget',
    'An auth that is refused counts as a protocol error.',
    after(({ core, connection, incoming, effects }) => {
      const { errors } = core.parts;
      const spent = failed(effects) && errors.spend(connection, core.config.limits, incoming.at);
      const closing = { code: 4000, reason: 'too_many_protocol_errors' };
      return spent ? [...effects, { do: 'close', closing }] : undefined;
    }),
  ),
  mutant(
    'broadcast-scope-required',
    'refresh-scopes-kept',
    'The scopes of a new token are added to those of the old one.',
    after(({ connection, old, effects }) => {
      const { grant } = connection;
      if (!failed(effects))
        connection.grant = { ...grant, scopes: [...old.scopes, ...grant.scopes] };
      return undefined;
    }),
  ),
  mutant(
    'broadcast-scope-required',
    'refresh-scopes-never-gained',
    'Of the scopes of a new token those count that the old one had.',
    after(({ connection, old, effects }) => {
      const { grant } = connection;
      const scopes = grant.scopes.filter((scope) => old.scopes.includes(scope));
      if (!failed(effects)) connection.grant = { ...grant, scopes };
      return undefined;
    }),
  ),
  mutant(
    'limits-rooms-reached',
    'refresh-room-place-kept',
    'A room that a new token takes away still counts among the rooms of the connection.',
    ({ authentication, limits }) => {
      const gone = new WeakMap<Connection, number>();
      return {
        authentication: {
          narrowed: (core, connection, fresh) => {
            const names = authentication.narrowed(core, connection, fresh);
            gone.set(connection, (gone.get(connection) ?? 0) + names.length);
            return names;
          },
        },
        limits: {
          roomLeft: (connection, config) =>
            limits.roomLeft(connection, config) &&
            connection.rooms.size + (gone.get(connection) ?? 0) < config.limits.max_rooms,
        },
      };
    },
  ),
  mutant(
    'messages-reply-order',
    'refresh-beside-the-queue',
    'What follows an auth does not wait until its token is checked.',
    ({ steps, errors }) => ({
      steps: {
        auth: (core, connection, incoming) => {
          const { request, at } = incoming;
          Promise.resolve(steps['auth']?.(core, connection, incoming) ?? [])
            .catch(() => {
              const message = errors.message(core, request, 'internal_error', 'Failed.', {}, at);
              return message ? [{ do: 'send' as const, message }] : [];
            })
            .then((effects) => perform(core, connection, effects));
          return [];
        },
      },
    }),
  ),
  mutant(
    'resume-duplicate-same-ack',
    'refresh-forgets-requests',
    'A new token makes the server forget which requests of the user it has accepted.',
    forgetting((name) => ({ resume: { owner: (user) => name(user, user) } })),
  ),
  mutant(
    'rates-over-refused',
    'refresh-clears-the-log',
    "A new token clears the log of the user's messages.",
    forgetting((name, { rates }) => ({
      rates: {
        sharedKey: (rate, connection) => {
          const key = rates.sharedKey(rate, connection);
          return key === null ? null : name(key, connection.grant.user);
        },
      },
    })),
  ),
];
