import type { Grant } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const expired = { code: 4001, reason: 'token_expired' };

/** There is one timer for all connections of a key: one that was set anew comes to nothing for the older connection. */
export const lastTimer =
  (keyOf: (grant: Grant) => string | null): Mutant['parts'] =>
  ({ authentication }) => {
    const last = new Map<string, Grant>();
    const set = new WeakSet<Grant>();
    return {
      authentication: {
        closesIn(grant, core, at) {
          const left = authentication.closesIn(grant, core, at);
          const key = keyOf(grant);
          if (key === null) return left;
          if (!set.has(grant)) last.set(key, grant);
          set.add(grant);
          return left !== null && left <= 0 && last.get(key) !== grant ? 1_000 : left;
        },
      },
    };
  };

/** Faults in the life of an open connection. */
export const lifetime: readonly Mutant[] = [
  mutant(
    'authentication-expiry-closes',
    'expiry-at-connect-only',
    'The expiry is looked at when a connection opens, and never again.',
    () => ({ authentication: { closesIn: () => null } }),
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-on-message-only',
    'The expiry is looked at when a message comes.',
    ({ gates }) => ({
      authentication: { closesIn: () => null },
      gates: {
        json: (core, connection, incoming) =>
          (connection.grant.expiresAt ?? Number.POSITIVE_INFINITY) <= incoming.at.wall
            ? [{ do: 'close', closing: expired }]
            : gates.json(core, connection, incoming),
      },
    }),
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-of-the-idle',
    'Each message puts the close for expiry off by a second.',
    ({ gates, authentication }) => {
      const busy = new WeakMap<Grant, number>();
      return {
        gates: {
          json: (core, connection, incoming) => {
            busy.set(connection.grant, incoming.at.wall);
            return gates.json(core, connection, incoming);
          },
        },
        authentication: {
          closesIn: (grant, core, at) => {
            const left = authentication.closesIn(grant, core, at);
            return left === null ? null : Math.max(left, (busy.get(grant) ?? 0) + 1_000 - at.wall);
          },
        },
      };
    },
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-other-reason',
    'An expired connection is closed as one with an invalid token.',
    () => ({ authentication: { expired: () => ({ code: 4001, reason: 'token_invalid' }) } }),
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-of-first-connection-only',
    "The close for expiry is set for a user's first connection only.",
    ({ authentication }) => {
      const first = new Map<string, Grant>();
      return {
        authentication: {
          closesIn(grant, core, at) {
            if (!first.has(grant.user)) first.set(grant.user, grant);
            return first.get(grant.user) === grant
              ? authentication.closesIn(grant, core, at)
              : null;
          },
        },
      };
    },
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-of-last-connection-only',
    'There is one timer for a user, and each connection sets it anew.',
    lastTimer(({ user }) => user),
  ),
  mutant(
    'authentication-expiry-closes',
    'expiry-of-longest-lived',
    "All of a user's connections are kept until the last of their tokens ends.",
    ({ authentication }) => {
      const last = new Map<string, number>();
      return {
        authentication: {
          grant(claims) {
            const grant = authentication.grant(claims);
            const { user, expiresAt } = grant;
            last.set(user, Math.max(last.get(user) ?? 0, expiresAt ?? 0));
            return grant;
          },
          closesIn: (grant, core, at) =>
            authentication.closesIn(
              { ...grant, expiresAt: last.get(grant.user) ?? grant.expiresAt },
              core,
              at,
            ),
        },
      };
    },
  ),
  mutant(
    'authentication-expiry-not-early',
    'expiry-of-the-user',
    "All of a user's connections are closed when the token of one ends.",
    ({ authentication }) => ({
      authentication: {
        closesIn(grant, core, at) {
          const left = authentication.closesIn(grant, core, at);
          if (left !== null && left <= 0)
            for (const each of core.users.get(grant.user) ?? []) each.link.close(expired);
          return left;
        },
      },
    }),
  ),
  mutant(
    'authentication-expiry-not-early',
    'expiry-rounded-down',
    'The fraction of an exp is dropped where the timer is set.',
    ({ authentication }) => ({
      authentication: {
        closesIn: (grant, core, at) => {
          const left = authentication.closesIn(grant, core, at);
          return left === null ? null : left - ((grant.expiresAt ?? 0) % 1_000);
        },
      },
    }),
  ),
  mutant(
    'authentication-expiry-not-early',
    'expiry-with-margin',
    'A connection is closed a second before its token ends.',
    ({ authentication }) => ({
      authentication: {
        closesIn: (grant, core, at) => {
          const left = authentication.closesIn(grant, core, at);
          return left === null ? null : left - 1_000;
        },
      },
    }),
  ),
  mutant(
    'authentication-far-expiry-kept',
    'expiry-31-bits',
    'A timer that is set for more than 24.8 days fires at once.',
    ({ authentication }) => ({
      authentication: {
        closesIn: (grant, core, at) => {
          const left = authentication.closesIn(grant, core, at);
          return left !== null && left >= 2 ** 31 ? 0 : left;
        },
      },
    }),
  ),
  mutant(
    'authentication-far-expiry-kept',
    'expiry-32-bits',
    'The milliseconds to the expiry are cut to 32 bits with a sign.',
    ({ authentication }) => ({
      authentication: {
        closesIn: (grant, core, at) => {
          const left = authentication.closesIn(grant, core, at);
          return left === null ? null : left | 0;
        },
      },
    }),
  ),
];
