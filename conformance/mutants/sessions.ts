import type { Parts } from '#server/parts.js';
import type { Connection, Grant } from '#server/state.js';
import { lastTimer } from './authentication.lifetime.js';
import { after, disarm, failed } from './authentication.refresh.js';
import { type Mutant, mutant } from './mutant.js';
import { users } from './sessions.users.js';

type Values = Parts['sessions']['values'];

const NAME = 'session_token';

const finding =
  (values: (headers: readonly string[], right: Values) => string[]): Mutant['parts'] =>
  ({ sessions }) => ({
    sessions: { values: (headers) => values(headers, sessions.values) },
  });

// The values of those cookies whose name will do.
const named = (isName: (name: string) => boolean) =>
  finding((headers) => {
    const values = headers
      .flatMap((header) => header.split(';'))
      .map((pair) => pair.trim().split('=') as [string, string?])
      .flatMap(([name, value]) => (isName(name) && value !== undefined ? [value] : []));
    return [...new Set(values)];
  });

// A store that takes all values of one shape for the first of them.
const shaped =
  (shape: (value: string) => string): Mutant['parts'] =>
  ({ sessions }) => {
    const seen = new Map<string, string>();
    return {
      sessions: {
        key: (value) => {
          const first = seen.get(shape(value)) ?? value;
          seen.set(shape(value), first);
          return sessions.key(first);
        },
      },
    };
  };

const granting =
  (change: (grant: Grant, key: string) => Partial<Grant>): Mutant['parts'] =>
  ({ sessions }) => ({
    sessions: {
      grant: (session, key) => {
        const grant = sessions.grant(session, key);
        return { ...grant, ...change(grant, key) };
      },
    },
  });

const refusing =
  (reason: string, instead: { code: number; reason: string }): Mutant['parts'] =>
  ({ sessions }) => ({
    sessions: {
      refusal: (given) => (given === reason ? instead : sessions.refusal(given)),
    },
  });

const found: readonly Mutant[] = [
  mutant(
    'sessions-valid-cookie-welcomed',
    'session-user-is-key',
    'The user of a session is its key in the store.',
    granting((_grant, key) => ({ user: key })),
  ),
  mutant(
    'sessions-valid-cookie-welcomed',
    'session-called-token',
    'A session is announced as a token.',
    granting(() => ({ method: 'token' })),
  ),
  mutant(
    'sessions-valid-cookie-welcomed',
    'session-only-cookie',
    'The cookie is found only where it is the first.',
    finding((headers, right) => right(headers.filter((header) => header.startsWith(`${NAME}=`)))),
  ),
  mutant(
    'sessions-valid-cookie-welcomed',
    'session-equal-cookies',
    'Two equal cookies are ambiguous.',
    finding((headers) =>
      headers
        .flatMap((header) => header.split('; '))
        .flatMap((pair) => (pair.startsWith(`${NAME}=`) ? [pair.slice(NAME.length + 1)] : [])),
    ),
  ),
  mutant(
    'sessions-unknown-refused',
    'session-unknown-403',
    'An unknown session is answered with HTTP 403.',
    () => ({ handshake: { completesFirst: false } }),
  ),
  mutant(
    'sessions-unknown-refused',
    'session-unknown-called-token',
    'An unknown session is refused as an invalid token.',
    refusing('session_invalid', { code: 4001, reason: 'token_invalid' }),
  ),
  mutant(
    'sessions-tampered-refused',
    'session-first-ignored',
    'The first character of a value is not compared.',
    shaped((value) => value.slice(1)),
  ),
  mutant(
    'sessions-tampered-refused',
    'session-prefix',
    'Values are compared over their first 16 characters.',
    shaped((value) => value.slice(0, 16)),
  ),
  mutant(
    'sessions-tampered-refused',
    'session-last-ignored',
    'The last character of a value is not compared.',
    shaped((value) => value.slice(0, -1)),
  ),
  mutant(
    'sessions-tampered-refused',
    'session-any-case',
    'Values are compared without case.',
    shaped((value) => value.toLowerCase()),
  ),
];

const cookies: readonly Mutant[] = [
  mutant(
    'sessions-ambiguous-refused',
    'session-first-wins',
    'The first of two cookies is taken.',
    finding((headers, right) => right(headers).slice(0, 1)),
  ),
  mutant(
    'sessions-ambiguous-refused',
    'session-last-wins',
    'The last of two cookies is taken.',
    finding((headers, right) => right(headers).slice(-1)),
  ),
  mutant(
    'sessions-ambiguous-refused',
    'session-third-overlooked',
    'Of several cookies the first two are compared.',
    finding((headers) => [
      ...new Set(
        headers
          .flatMap((header) => header.split('; '))
          .flatMap((pair) => (pair.startsWith(`${NAME}=`) ? [pair.slice(NAME.length + 1)] : []))
          .slice(0, 2),
      ),
    ]),
  ),
  mutant(
    'sessions-ambiguous-refused',
    'session-first-line-only',
    'Of several Cookie lines the first is read.',
    finding((headers, right) => right(headers.slice(0, 1))),
  ),
  mutant(
    'sessions-ambiguous-refused',
    'session-last-line-only',
    'Of several Cookie lines the last is read.',
    finding((headers, right) => right(headers.slice(-1))),
  ),
  mutant(
    'sessions-other-cookies-ignored',
    'cookie-name-prefix',
    'Every cookie counts whose name begins with session_token.',
    named((name) => name.startsWith(NAME)),
  ),
  mutant(
    'sessions-other-cookies-ignored',
    'cookie-name-suffix',
    'Every cookie counts whose name ends with session_token.',
    named((name) => name.endsWith(NAME)),
  ),
  mutant(
    'sessions-other-cookies-ignored',
    'cookie-name-any-case',
    'The name of the cookie is compared without case.',
    named((name) => name.toLowerCase() === NAME),
  ),
  mutant(
    'sessions-other-cookies-ignored',
    'cookie-searched',
    'The header is searched for the first `session_token=`.',
    finding((headers) => {
      const [, value] = /session_token=([^;]*)/.exec(headers.join(';')) ?? [];
      return value === undefined ? [] : [value];
    }),
  ),
  mutant(
    'sessions-other-cookies-ignored',
    'cookie-no-pair-throws',
    'A cookie that is no pair hides all that follow.',
    finding((headers, right) =>
      right(headers.map((header) => header.split('; ').filter(uptoNoPair).join('; '))),
    ),
  ),
  mutant(
    'sessions-origin-required',
    'session-without-origin',
    'A session is good without an Origin.',
    () => ({ sessions: { needsOrigin: false } }),
  ),
];

const uptoNoPair = (_pair: string, index: number, all: readonly string[]) =>
  all.slice(0, index + 1).every((pair) => pair.includes('='));

const ended: readonly Mutant[] = [
  mutant(
    'sessions-expired-refused',
    'session-expiry-unchecked',
    'The end of a session is not looked at when a connection opens.',
    ({ sessions }) => ({
      sessions: {
        fault: (session, wall) => sessions.fault(session && { ...session, expiresAt: null }, wall),
      },
    }),
  ),
  mutant(
    'sessions-expiry-closes-open',
    'session-expiry-at-connect-only',
    'The end of a session is looked at only when a connection opens.',
    ({ authentication }) => ({
      authentication: {
        closesIn: (grant, core, at) =>
          grant.method === 'session' ? null : authentication.closesIn(grant, core, at),
      },
    }),
  ),
  mutant(
    'sessions-expiry-closes-open',
    'session-expiry-called-token',
    'A session that ends is closed as a token that has expired.',
    () => ({ authentication: { expired: () => ({ code: 4001, reason: 'token_expired' }) } }),
  ),
  mutant(
    'sessions-expiry-closes-open',
    'session-expiry-of-last-connection-only',
    'There is one timer for a session, and each connection sets it anew.',
    lastTimer(({ session }) => session),
  ),
  mutant(
    'sessions-expiry-closes-open',
    'session-expiry-forgotten-after-refusal',
    'An auth that is refused stops the timer of the session.',
    after(({ core, connection, old, effects }) => {
      if (failed(effects) && old.session !== null) disarm({ core, connection });
      return undefined;
    }),
  ),
  mutant(
    'sessions-revocation-closes-open',
    'session-forgotten-after-refusal',
    'An auth takes the connection off the list of its session, also where it is refused.',
    after(({ connection }) => {
      connection.grant = { ...connection.grant, session: null };
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-narrows-rooms',
    'refresh-of-session-not-narrowed',
    'A token that replaces a session takes the connection out of no room.',
    ({ authentication, handshake }) => {
      const came = new WeakSet<Connection>();
      return {
        handshake: {
          greet: (core, connection, at) => {
            if (connection.grant.session !== null) came.add(connection);
            return handshake.greet(core, connection, at);
          },
        },
        authentication: {
          narrowed: (core, connection, fresh) =>
            came.has(connection) ? [] : authentication.narrowed(core, connection, fresh),
        },
      };
    },
  ),
  mutant(
    'sessions-revoked-refused',
    'session-revocation-cached',
    'A revoked session is still good for new connections.',
    ({ sessions }) => ({
      sessions: {
        fault: (session, wall) => sessions.fault(session && { ...session, revoked: false }, wall),
      },
    }),
  ),
  mutant(
    'sessions-revocation-closes-open',
    'session-revocation-unnoticed',
    'A revocation leaves open connections open.',
    () => ({ sessions: { affected: () => [] } }),
  ),
  mutant(
    'sessions-revocation-closes-open',
    'session-revocation-of-one',
    'A revocation closes one connection of the session.',
    ({ sessions }) => ({
      sessions: { affected: (core, key) => [...sessions.affected(core, key)].slice(0, 1) },
    }),
  ),
  mutant(
    'sessions-revocation-closes-open',
    'session-revocation-called-invalid',
    'Connections of a revoked session are closed with another reason.',
    refusing('session_revoked', { code: 4003, reason: 'session_invalid' }),
  ),
  mutant(
    'sessions-revocation-spares-others',
    'session-revocation-of-user',
    'A revocation closes all connections of the user.',
    ({ sessions }) => ({
      sessions: {
        affected: (core, key) => {
          const users = new Set([...sessions.affected(core, key)].map(({ grant }) => grant.user));
          return [...core.connections.values()].filter(({ grant }) => users.has(grant.user));
        },
      },
    }),
  ),
  mutant(
    'sessions-revocation-spares-others',
    'session-revocation-of-all',
    'A revocation closes the connections of all sessions.',
    () => ({
      sessions: {
        affected: ({ connections }) =>
          [...connections.values()].filter(({ grant }) => grant.session !== null),
      },
    }),
  ),
];

// A server that remembers the value behind each key, and the last one.
const remembering =
  (
    leak: (right: Parts, cookieOf: (key: string | null) => string) => ReturnType<Mutant['parts']>,
  ): Mutant['parts'] =>
  (right) => {
    const values = new Map<string, string>();
    let last = '';
    const { sessions, ...rest } = leak(right, (key) =>
      key === null ? last : (values.get(key) ?? ''),
    );
    return {
      ...rest,
      sessions: {
        ...sessions,
        key: (value) => {
          const key = right.sessions.key(value);
          values.set(key, value);
          last = value;
          return key;
        },
      },
    };
  };

const kept: readonly Mutant[] = [
  mutant(
    'sessions-missing-refused',
    'session-missing-called-token',
    'A server of sessions only asks for a token.',
    ({ authentication }) => ({
      authentication: {
        choose: (found, core) => {
          const chosen = authentication.choose(found, core);
          return chosen.by === 'none' && chosen.closing.reason === 'session_missing'
            ? { by: 'none', closing: { code: 4001, reason: 'token_missing' } }
            : chosen;
        },
      },
    }),
  ),
  mutant(
    'sessions-value-not-leaked',
    'session-value-in-reason',
    'The close reason quotes the value that was refused.',
    remembering(({ sessions }, cookieOf) => ({
      sessions: {
        refusal: (reason) => {
          const { code } = sessions.refusal(reason);
          return { code, reason: `${reason};value=${cookieOf(null)}`.slice(0, 123) };
        },
      },
    })),
  ),
  mutant(
    'sessions-value-not-leaked',
    'session-value-in-welcome',
    "The connection_id is the session's value.",
    remembering(({ handshake }, cookieOf) => ({
      handshake: {
        welcome: (core, connection) => {
          const welcome = handshake.welcome(core, connection);
          const { session } = connection.grant;
          return session === null ? welcome : { ...welcome, connection_id: cookieOf(session) };
        },
      },
    })),
  ),
  mutant(
    'sessions-value-not-leaked',
    'session-value-in-error-page',
    'The answer to a refused handshake shows the cookies that came.',
    ({ handshake }) => ({
      handshake: {
        checks: handshake.checks.map((check) => (core, opening) => {
          const refused = check(core, opening);
          return refused && { ...refused, detail: `${refused.detail} ${opening.cookies.join()}` };
        }),
      },
    }),
  ),
];

/** Faults of the chapter `sessions`. */
export const sessions: readonly Mutant[] = [...found, ...cookies, ...ended, ...kept, ...users];
