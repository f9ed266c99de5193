import type { Parts } from '#server/parts.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';

const wrong =
  (change: (right: Parts['broadcast']) => Partial<Parts['broadcast']>): Mutant['parts'] =>
  ({ broadcast }) => ({ broadcast: change(broadcast) });

const scope = (allows: (scopes: readonly string[]) => boolean) =>
  wrong(() => ({ allowed: ({ scopes }) => allows(scopes) }));

const recipients = (who: (right: Connection[]) => Iterable<Connection>) =>
  wrong(({ recipients: right }) => ({
    recipients: (core, message) => who([...right(core, message)]),
  }));

/** Faults of the chapter `broadcast`. */
export const broadcast: readonly Mutant[] = [
  mutant(
    'broadcast-delivered-to-everyone-once',
    'broadcast-once-per-user',
    'Each user gets it on one connection.',
    recipients((right) => [...new Map(right.map((each) => [each.grant.user, each])).values()]),
  ),
  mutant(
    'broadcast-delivered-to-everyone-once',
    'broadcast-once-per-room',
    'It is delivered once for each room.',
    recipients((right) =>
      right.flatMap((each) => [
        each,
        ...Array<Connection>(Math.max(0, each.rooms.size - 1)).fill(each),
      ]),
    ),
  ),
  mutant(
    'broadcast-scope-required',
    'broadcast-for-everybody',
    'Everybody may broadcast.',
    scope(() => true),
  ),
  mutant(
    'broadcast-scope-required',
    'broadcast-scope-of-any-connection',
    'A scope that one of the connections has is taken for the scope of the user.',
    ({ authentication, broadcast: right }) => {
      const entitled = new Set<string>();
      return {
        authentication: {
          grant(claims) {
            const grant = authentication.grant(claims);
            if (right.allowed(grant)) entitled.add(grant.user);
            return grant;
          },
        },
        broadcast: { allowed: ({ user }) => entitled.has(user) },
      };
    },
  ),
  mutant(
    'broadcast-scope-required',
    'broadcast-scope-of-first-connection',
    "The scopes of a user are those of the user's first connection.",
    ({ authentication, broadcast: right }) => {
      const firsts = new Map<string, boolean>();
      return {
        authentication: {
          grant(claims) {
            const grant = authentication.grant(claims);
            if (!firsts.has(grant.user)) firsts.set(grant.user, right.allowed(grant));
            return grant;
          },
        },
        broadcast: { allowed: ({ user }) => firsts.get(user) === true },
      };
    },
  ),
  mutant(
    'broadcast-scope-exact',
    'broadcast-scope-substring',
    'A scope that contains the right one will do.',
    scope((scopes) => scopes.join(' ').includes('parlor:broadcast')),
  ),
  mutant(
    'broadcast-scope-exact',
    'broadcast-scope-any-case',
    'The scope is compared without case.',
    scope((scopes) => scopes.some((each) => each.toLowerCase() === 'parlor:broadcast')),
  ),
  mutant(
    'broadcast-refused-reaches-nobody',
    'broadcast-published-first',
    'It is published before anybody asks who may.',
    ({ gates, broadcast: right }) => ({
      gates: {
        permission(core, connection, incoming) {
          if (incoming.request.type === 'broadcast')
            void core.broker.broadcast(right.event(core, connection, incoming));
          return gates.permission(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'broadcast-not-before-welcome',
    'broadcast-to-all-sockets',
    'Connections that have not authenticated get it, too.',
    ({ broadcast: right, handshake }) => {
      const waiting = new Set<Connection>();
      return {
        handshake: {
          invite(core, connection) {
            waiting.add(connection);
            return handshake.invite(core, connection);
          },
        },
        broadcast: {
          recipients: (core, message) => new Set([...right.recipients(core, message), ...waiting]),
        },
      };
    },
  ),
  mutant(
    'broadcast-ack-carries-event-id',
    'broadcast-ack-other-id',
    'The ack has an id of its own.',
    wrong(() => ({ ack: () => ({ id: 'another-id' }) })),
  ),
];
