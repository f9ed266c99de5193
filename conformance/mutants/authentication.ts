import type { Found } from '#server/authentication.js';
import type { Opening } from '#server/handshake.js';
import type { Grant } from '#server/state.js';
import { claims } from './authentication.claims.js';
import { failures } from './authentication.failures.js';
import { faults } from './authentication.faults.js';
import { headers } from './authentication.headers.js';
import { lifetime } from './authentication.lifetime.js';
import { messages } from './authentication.messages.js';
import { refresh } from './authentication.refresh.js';
import { refreshed } from './authentication.refreshed.js';
import { signatures } from './authentication.signatures.js';
import { ways } from './authentication.ways.js';
import { type Mutant, mutant } from './mutant.js';
import { judging } from './signatures.js';

// A server that looks at another request than the one that came.
const seeing =
  (change: (opening: Opening) => Partial<Opening>): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      found: (core, opening) => handshake.found(core, { ...opening, ...change(opening) }),
    },
  });

// A server that finds other credentials.
const finding =
  (change: (found: Found, opening: Opening) => Partial<Found>): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      found: (core, opening) => {
        const found = handshake.found(core, opening);
        return { ...found, ...change(found, opening) };
      },
    },
  });

const granting =
  (change: (grant: Grant) => Partial<Grant>): Mutant['parts'] =>
  ({ authentication }) => ({
    authentication: {
      grant: (claims) => {
        const grant = authentication.grant(claims);
        return { ...grant, ...change(grant) };
      },
    },
  });

const places: readonly Mutant[] = [
  mutant(
    'authentication-token-query',
    'token-first-parameter',
    'The token has to be the first query parameter.',
    finding(({ tokens }, { query }) =>
      [...query.keys()][0] === 'token'
        ? {}
        : { tokens: tokens.slice(query.getAll('token').length) },
    ),
  ),
  mutant(
    'authentication-token-header',
    'token-header-ignored',
    'The Authorization header is not looked at.',
    seeing(() => ({ authorization: [] })),
  ),
  mutant(
    'authentication-token-header',
    'token-header-with-scheme',
    'The token is taken from the header together with its scheme.',
    finding(({ tokens }, { authorization }) =>
      authorization.length > 0 ? { tokens: [...tokens.slice(0, -1), authorization[0] ?? ''] } : {},
    ),
  ),
  mutant(
    'authentication-scheme-any-case',
    'scheme-as-written',
    'The scheme has to be written `Bearer`.',
    seeing(({ authorization }) => ({
      authorization: authorization.filter((each) => each.startsWith('Bearer ')),
    })),
  ),
];

const announced: readonly Mutant[] = [
  mutant(
    'authentication-user-is-sub',
    'user-lower-case',
    'The sub is put into lower case.',
    granting(({ user }) => ({ user: user.toLowerCase() })),
  ),
  mutant(
    'authentication-user-is-sub',
    'user-trimmed',
    'White space around the sub is dropped.',
    granting(({ user }) => ({ user: user.trim() })),
  ),
  mutant(
    'authentication-user-is-sub',
    'user-composed',
    'The sub is put into normal form C.',
    granting(({ user }) => ({ user: user.normalize('NFC') })),
  ),
  mutant(
    'authentication-user-is-sub',
    'user-escaped',
    'The sub is escaped for HTML.',
    granting(({ user }) => ({ user: user.replaceAll('<', '&lt;') })),
  ),
  mutant(
    'authentication-expires-at-announced',
    'expires-at-with-leeway',
    'The leeway is added to expires_at.',
    ({ handshake }) => ({
      handshake: {
        welcome: (core, connection) => {
          const { auth, ...rest } = handshake.welcome(core, connection);
          const expiresAt = (connection.grant.expiresAt ?? 0) + (core.config.tokens?.leewayMs ?? 0);
          return { ...rest, auth: { ...auth, expires_at: new Date(expiresAt).toISOString() } };
        },
      },
    }),
    { env: { PARLOR_TOKEN_LEEWAY_MS: '2000' } },
  ),
  mutant(
    'authentication-expires-at-announced',
    'expires-at-whole-seconds',
    'A fraction of exp is dropped.',
    granting(({ expiresAt }) => ({ expiresAt: Math.floor((expiresAt ?? 0) / 1000) * 1000 })),
  ),
  mutant(
    'authentication-expires-at-announced',
    'exp-of-digits-only',
    'An exp that is written with an exponent is refused.',
    judging(async (right, token, ...rest) =>
      /"exp":[\d.]+e/i.test(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
        ? 'token_invalid'
        : right.judge(token, ...rest),
    ),
  ),
  mutant(
    'authentication-expires-at-announced',
    'expires-at-32-bits',
    'An exp after the year 2038 is cut to 32 bits.',
    granting(({ expiresAt }) => ({ expiresAt: Math.min(expiresAt ?? 0, (2 ** 31 - 1) * 1000) })),
  ),
];

const shapes: readonly Mutant[] = [
  mutant(
    'authentication-token-missing',
    'missing-called-invalid',
    'A missing token is refused as invalid.',
    ({ authentication }) => ({
      authentication: {
        choose: (found, core) => {
          const chosen = authentication.choose(found, core);
          return chosen.by === 'none' && chosen.closing.reason === 'token_missing'
            ? { by: 'none', closing: { code: 4001, reason: 'token_invalid' } }
            : chosen;
        },
      },
    }),
  ),
  ...(
    [
      ['any-value', 'with any value', () => true],
      ['any-case', 'in any case', (value) => value.toLowerCase() === 'message'],
      ['prefix', 'that begins with `message`', (value) => value.startsWith('message')],
    ] as const satisfies [string, string, (value: string) => boolean][]
  ).map(([name, what, isAsked]) =>
    mutant(
      'authentication-token-missing',
      `auth-of-${name}`,
      `A query parameter auth ${what} asks for first-message authentication.`,
      finding((_found, { query }) => ({ first: query.getAll('auth').some(isAsked) })),
    ),
  ),
  mutant(
    'authentication-token-missing',
    'scheme-ignored',
    'Whatever the Authorization header holds is taken for a token.',
    finding(({ tokens }, { authorization }) =>
      tokens.length === 0 && authorization[0] ? { tokens: [authorization[0]] } : {},
    ),
  ),
  mutant(
    'authentication-empty-token-refused',
    'token-empty-guest',
    'An empty token is a guest.',
    judging(async (right, token, ...rest) =>
      token === ''
        ? { sub: 'guest', exp: Math.floor(Date.now() / 1000) + 3_600 }
        : right.judge(token, ...rest),
    ),
  ),
  mutant(
    'authentication-empty-token-refused',
    'token-empty-throws',
    'An empty token makes the handler fail.',
    judging(async (right, token, ...rest) => {
      if (token === '') throw new Error('not enough segments');
      return right.judge(token, ...rest);
    }),
  ),
  mutant(
    'authentication-long-token-accepted',
    'token-at-most-2048',
    'A token of more than 2048 bytes is refused.',
    () => ({ tokens: { longest: 2_048 } }),
  ),
  mutant(
    'authentication-oversized-token-refused',
    'token-of-any-length',
    'A token may be of any length.',
    () => ({ tokens: { longest: Number.POSITIVE_INFINITY } }),
  ),
];

const conflicts: readonly Mutant[] = [
  mutant(
    'authentication-conflict-query-and-header',
    'conflict-query-wins',
    'The token of the query goes before that of the header.',
    seeing(({ query, authorization }) => ({
      authorization: query.has('token') ? [] : authorization,
    })),
  ),
  mutant(
    'authentication-conflict-query-and-header',
    'conflict-equal-ones',
    'Two equal tokens count as one.',
    finding(({ tokens }) => ({ tokens: [...new Set(tokens)] })),
  ),
  mutant(
    'authentication-conflict-token-twice',
    'conflict-first-wins',
    'The first of several tokens in the query is taken.',
    seeing(({ query }) => ({ query: withOne(query, (all) => all[0]) })),
  ),
  mutant(
    'authentication-conflict-token-twice',
    'conflict-last-wins',
    'The last of several tokens in the query is taken.',
    seeing(({ query }) => ({ query: withOne(query, (all) => all.at(-1)) })),
  ),
];

function withOne(query: URLSearchParams, choose: (all: string[]) => string | undefined) {
  const one = new URLSearchParams(query);
  const token = choose(query.getAll('token'));
  if (token !== undefined) one.set('token', token);
  return one;
}

/** Faults of the chapter `authentication`. */
export const authentication: readonly Mutant[] = [
  ...places,
  ...announced,
  ...shapes,
  ...conflicts,
  ...signatures,
  ...headers,
  ...claims,
  ...lifetime,
  ...failures,
  ...messages,
  ...refresh,
  ...refreshed,
  ...ways,
  ...faults,
];
