import type { Parts } from '#server/parts.js';
import type { Connection, Effect } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { peek } from './signatures.js';

type Choose = Parts['authentication']['choose'];

const choosing =
  (choose: (right: Choose, ...given: Parameters<Choose>) => ReturnType<Choose>): Mutant['parts'] =>
  ({ authentication }) => ({
    authentication: { choose: (...given) => choose(authentication.choose, ...given) },
  });

// A server that forgets those tokens, wherever there is something else to go by.
const forgetting = (isForgotten: (token: string) => boolean) =>
  choosing((right, found, core) =>
    right(
      found.sessions.length > 0
        ? { ...found, tokens: found.tokens.filter((token) => !isForgotten(token)) }
        : found,
      core,
    ),
  );

const together: readonly Mutant[] = [
  mutant(
    'authentication-no-fallback-to-session',
    'fallback-from-nonsense',
    'What is no token is forgotten, and the session decides.',
    forgetting((token) => token.split('.').length !== 3),
  ),
  mutant(
    'authentication-no-fallback-to-session',
    'fallback-from-expired',
    'An expired token is forgotten, and the session decides.',
    forgetting((token) => Number(peek(token)?.['exp']) * 1000 < Date.now()),
  ),
  mutant(
    'authentication-token-before-session',
    'session-before-token',
    'A session goes before a token.',
    forgetting(() => true),
  ),
];

const event = (type: string): Effect => ({
  do: 'send',
  message: { type, timestamp: '2030-01-01T00:00:00.000Z', data: {} },
});

// A server that remembers who was asked to speak first.
const asked =
  (
    parts: (
      right: Parts,
      wasAsked: (connection: Connection) => boolean,
    ) => ReturnType<Mutant['parts']>,
  ): Mutant['parts'] =>
  (right) => {
    const connections = new WeakSet<Connection>();
    const { handshake, ...rest } = parts(right, (connection) => connections.has(connection));
    return {
      ...rest,
      handshake: {
        ...handshake,
        invite: (_core, connection) => {
          connections.add(connection);
          return [];
        },
      },
    };
  };

const closingOtherwise =
  (reason: string, instead: string): Mutant['parts'] =>
  ({ closes }) => ({
    closes: {
      send: (closing, core, connection) =>
        closing.reason === reason
          ? { code: 4001, reason: instead }
          : closes.send(closing, core, connection),
    },
  });

const firsts: readonly Mutant[] = [
  mutant(
    'authentication-message-silent',
    'first-invited',
    'Whoever is to authenticate in the first message is told so.',
    () => ({ handshake: { invite: () => [event('x.auth_required')] } }),
  ),
  mutant(
    'authentication-message-silent',
    'first-welcomed-at-once',
    'A connection that is to authenticate is welcomed before it has.',
    ({ handshake }) => ({
      handshake: { invite: (core, connection) => handshake.greet(core, connection, core.now()) },
    }),
  ),
  mutant(
    'authentication-message-silent',
    'first-overruled-by-session',
    'A session decides although the first message was to.',
    choosing((right, found, core) =>
      right(found.sessions.length > 0 ? { ...found, first: false } : found, core),
    ),
  ),
  mutant(
    'authentication-message-welcomed',
    'first-not-welcomed',
    'A first auth is acknowledged and not welcomed.',
    asked(({ handshake }, wasAsked) => ({
      handshake: {
        greet: (core, connection, at) =>
          wasAsked(connection) ? [] : handshake.greet(core, connection, at),
      },
    })),
  ),
  mutant(
    'authentication-message-welcomed',
    'first-by-other-method',
    'A token in the first message is announced as a session.',
    asked(({ handshake }, wasAsked) => ({
      handshake: {
        welcome: (core, connection) => {
          const { auth, ...rest } = handshake.welcome(core, connection);
          const method = wasAsked(connection) ? 'session' : auth.method;
          return { ...rest, auth: { ...auth, method } };
        },
      },
    })),
  ),
  mutant(
    'authentication-message-acked',
    'first-not-acked',
    'A first auth is welcomed and not acknowledged.',
    ({ messages }) => ({
      messages: {
        reply: (request, type, data, at) =>
          request.type === 'auth' && type === 'ack'
            ? null
            : messages.reply(request, type, data, at),
      },
    }),
  ),
  mutant(
    'authentication-message-acked',
    'first-acked-before-welcome',
    'The ack of a first auth comes before the welcome.',
    asked(({ handshake, messages }, wasAsked) => {
      const owed: Effect[] = [];
      return {
        handshake: {
          greet: (core, connection, at) => {
            const greeting = handshake.greet(core, connection, at);
            if (!wasAsked(connection)) return greeting;
            setTimeout(() => {
              for (const effect of greeting)
                if (effect.do === 'send')
                  connection.link.send(messages.encode(core, effect.message, undefined));
            }, 5);
            return owed;
          },
        },
      };
    }),
  ),
  mutant(
    'authentication-message-token-refused',
    'first-expired-called-invalid',
    'An expired token in the first message is refused as invalid.',
    asked(({ closes }, wasAsked) => ({
      closes: {
        send: (closing, core, connection) =>
          wasAsked(connection) && closing.reason === 'token_expired'
            ? { code: 4001, reason: 'token_invalid' }
            : closes.send(closing, core, connection),
      },
    })),
  ),
  mutant(
    'authentication-message-token-refused',
    'first-refused-by-error',
    'A refused token in the first message is answered with an error besides the close.',
    asked(({ handshake }, wasAsked) => ({
      handshake: {
        dismiss: (core, connection, closing) => [
          ...(wasAsked(connection) ? [event('x.auth_failed')] : []),
          ...handshake.dismiss(core, connection, closing),
        ],
      },
    })),
  ),
  mutant(
    'authentication-message-timeout',
    'first-awaited-for-ever',
    'The first message is awaited without end.',
    () => ({ authentication: { firstWithin: () => null } }),
  ),
  mutant(
    'authentication-message-timeout',
    'first-late-called-missing',
    'Who is late with the first message is told that the token is missing.',
    closingOtherwise('auth_timeout', 'token_missing'),
  ),
  mutant(
    'authentication-message-required',
    'first-wrong-called-missing',
    'A first message of another type is refused as a missing token.',
    closingOtherwise('auth_required', 'token_missing'),
  ),
  mutant(
    'authentication-message-required',
    'first-wrong-ignored',
    'A first message of another type is passed over.',
    ({ handshake }) => ({
      handshake: {
        dismiss: (core, connection, closing) =>
          closing.reason === 'auth_required' ? [] : handshake.dismiss(core, connection, closing),
      },
    }),
  ),
  mutant(
    'authentication-message-and-token',
    'first-token-wins',
    'A token in the request goes before the first message.',
    choosing((right, found, core) =>
      right(found.tokens.length > 0 ? { ...found, first: false } : found, core),
    ),
  ),
  mutant(
    'authentication-message-and-token',
    'first-wins',
    'Where the first message is awaited, a token in the request is passed over.',
    choosing((right, found, core) => right(found.first ? { ...found, tokens: [] } : found, core)),
  ),
];

/** Faults of first-message authentication, and of a token beside a session. */
export const messages: readonly Mutant[] = [...together, ...firsts];
