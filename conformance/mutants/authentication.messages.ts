import { type Frame, opcodes } from '#conformance/harness/frames.js';
import type { Parts } from '#server/parts.js';
import { perform } from '#server/perform.js';
import type { Connection, Effect } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { peek } from './signatures.js';
import { faulty } from './wire.js';

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
    'authentication-empty-token-refused',
    'fallback-from-empty',
    'An empty token is none, and the session decides.',
    forgetting((token) => token === ''),
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

/** A server that remembers who was asked to speak first. */
export const asked =
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

// A server whose time for a first message does not run out once such a frame has come.
const patientAfter = (isSign: (frame: Frame) => boolean) =>
  faulty(() => {
    let patient = false;
    return {
      inbound(frame) {
        patient ||= isSign(frame);
        return [frame];
      },
      outbound: (frame) =>
        patient && frame.opcode === opcodes.close && frame.payload.includes('auth_timeout')
          ? []
          : [frame],
    };
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
    'rooms-claim-forbids',
    'first-claim-ignored',
    'The rooms of a token are kept only where the handshake brought it.',
    asked(({ gates }, wasAsked) => ({
      gates: {
        permission: (core, connection, incoming) =>
          wasAsked(connection) ? null : (gates['permission']?.(core, connection, incoming) ?? null),
      },
    })),
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
    'authentication-message-welcomed',
    'first-beside-other-scheme',
    'Where the first message is awaited, an Authorization of any scheme is a second credential.',
    ({ handshake }) => ({
      handshake: {
        found: (core, opening) => {
          const found = handshake.found(core, opening);
          return found.first
            ? { ...found, tokens: [...found.tokens, ...opening.authorization] }
            : found;
        },
      },
    }),
  ),
  mutant(
    'authentication-message-acked',
    'first-acked-in-whole-seconds',
    'The ack of a first auth drops the fraction of its exp.',
    ({ messages }) => ({
      messages: {
        reply: (request, type, data, at) => {
          const expires = data['expires_at'];
          return messages.reply(
            request,
            type,
            typeof expires === 'string'
              ? { ...data, expires_at: expires.replace(/\.\d+Z$/, '.000Z') }
              : data,
            at,
          );
        },
      },
    }),
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
    'first-awaited-after-ping',
    'A Ping of the client stops the timer of the first message.',
    patientAfter(({ opcode }) => opcode === opcodes.ping),
  ),
  mutant(
    'authentication-message-timeout',
    'first-awaited-once-begun',
    'The first fragment of a message stops the timer of the first message.',
    patientAfter(({ opcode, fin }) => opcode === opcodes.text && !fin),
  ),
  mutant(
    'authentication-message-timeout',
    'first-timer-not-stopped',
    'The timer of the first message fires although the message has come.',
    ({ authentication, handshake }) => ({
      handshake: {
        invite: (core, connection) => {
          const closing = { code: 4001, reason: 'auth_timeout' };
          const late = () => perform(core, connection, [{ do: 'close', closing }]);
          core.agenda.in(authentication.firstWithin(core) ?? 0, late);
          return handshake.invite(core, connection);
        },
      },
    }),
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
