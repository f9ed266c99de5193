import type { Parts } from '#server/parts.js';
import type { Connection } from '#server/state.js';
import { asked } from './authentication.messages.js';
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
    'broadcast-delivered-to-everyone-once',
    'broadcast-not-to-first',
    'Who brought the token in the first message is left out.',
    asked(({ broadcast: right }, wasAsked) => ({
      broadcast: {
        recipients: (core, message) =>
          [...right.recipients(core, message)].filter((each) => !wasAsked(each)),
      },
    })),
  ),
  mutant(
    'broadcast-delivered-to-everyone-once',
    'broadcast-scope-of-first-lost',
    'The scope of a token in the first message is not looked at.',
    asked(({ broadcast: right, gates }, wasAsked) => ({
      gates: {
        permission: (core, connection, incoming) => {
          const { grant } = connection;
          if (wasAsked(connection) && right.allowed(grant))
            connection.grant = { ...grant, scopes: [] };
          return gates.permission(core, connection, incoming);
        },
      },
    })),
  ),
  mutant(
    'broadcast-delivered-to-everyone-once',
    'broadcast-not-to-sessions',
    'Who came with a session is left out.',
    recipients((right) => right.filter(({ grant }) => grant.method === 'token')),
  ),
  mutant(
    'broadcast-scope-required',
    'broadcast-scope-in-list',
    'A scope that is an array grants what it lists.',
    ({ authentication }) => ({
      authentication: {
        grant: (claims) => {
          const { scope } = claims;
          const grant = authentication.grant(claims);
          return Array.isArray(scope) ? { ...grant, scopes: scope.map(String) } : grant;
        },
      },
    }),
  ),
  mutant(
    'broadcast-scope-required',
    'broadcast-scope-throws',
    'A token whose scope is no string is refused.',
    ({ tokens }) => ({
      tokens: {
        claims: (claims, ...rest) =>
          ['string', 'undefined'].includes(typeof claims['scope']) &&
          tokens.claims(claims, ...rest),
      },
    }),
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
    'chat-ids-unique',
    'broadcast-ids-of-their-own',
    'Chats and broadcasts are counted apart, and their numbers are their ids.',
    ({ broadcast: right, chat }) => {
      let [chats, broadcasts] = [0, 0];
      return {
        chat: {
          event: (...given) => {
            chats += 1;
            return { ...chat.event(...given), id: `e-${chats}` };
          },
        },
        broadcast: {
          event: (...given) => {
            broadcasts += 1;
            return { ...right.event(...given), id: `e-${broadcasts}` };
          },
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
