import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
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
import { rightlySigned } from './forgeries.js';
import { closed, decided, opened, welcomed } from './openings.js';

const bearer = (token: string, scheme = 'Bearer') => ({
  headers: { Authorization: `${scheme} ${token}` },
});

// A valid token of at most so many bytes, and nearly that many.
function longToken(t: Stage, bytes: number): string {
  const bare = t.minter.mint(t.user('ann'), { pad: '' }).length;
  let letters = Math.floor(((bytes - bare) * 3) / 4);
  let token = t.mint('ann', { pad: 'x'.repeat(letters) });
  while (token.length > bytes) {
    letters -= 1;
    token = t.mint('ann', { pad: 'x'.repeat(letters) });
  }
  return token;
}

/** Where a token is taken from. */
const places = [
  check('authentication-token-query', async (t) => {
    await welcomed(t, { token: t.mint('ann') });
    await welcomed(t, {
      query: [
        ['v', '1'],
        ['token', t.mint('ann')],
        ['w', '2'],
      ],
    });
    const { pathname } = new URL(t.urls[0] ?? '');
    const encoded = t.mint('ann').replaceAll('.', '%2E');
    await welcomed(t, { path: `${pathname}?token=${encoded}` });
  }),

  check('authentication-token-header', async (t) => {
    const ann = await welcomed(t, bearer(t.mint('ann')));
    t.equal(ann.welcome.data.user, t.user('ann'), 'the user in the welcome');
  }),

  check('authentication-scheme-any-case', async (t) => {
    for (const scheme of ['bearer', 'BEARER', 'bEARER'])
      await welcomed(t, bearer(t.mint('ann'), scheme));
  }),
];

// As they are: neither folded, trimmed, composed nor looked up among the properties of an object.
const oddNames = (t: Stage) => [
  t.user('Ann Müller'),
  `  ${t.user('ann')} `,
  t.user('e\u0301a\u030a'),
  t.user('🦊 <b>"x"</b> \\ a/b?c=d&e#f%41'),
  t.user('a\u2028b\u0085c\u202e'),
  t.user('İI'),
  '__proto__',
  'constructor',
  'null',
  '0',
];

/** What the welcome says of a token. */
const announced = [
  check('authentication-user-is-sub', async (t) => {
    for (const sub of oddNames(t)) {
      const peer = await welcomed(t, { token: t.mint('ann', { sub }) });
      t.equal(peer.welcome.data.user, sub, 'the user in the welcome');
    }
  }),

  ...[
    ['', 3_600],
    ['fraction', 3_600.25],
    ['far', 30 * 365 * 86_400],
  ].map(([variant, seconds]) =>
    check(
      'authentication-expires-at-announced',
      async (t) => {
        const exp = Math.floor(Date.now() / 1000) + Number(seconds);
        const { welcome } = await welcomed(t, { token: t.mint('ann', { exp }) });
        const auth = welcome.data['auth'] as Record<string, unknown>;
        t.equal(
          auth['expires_at'],
          new Date(exp * 1000).toISOString(),
          `expires_at for exp ${exp}`,
        );
      },
      variant ? { variant: String(variant) } : {},
    ),
  ),

  check(
    'authentication-expires-at-announced',
    async (t) => {
      const { header, claims } = t.minter.parts(t.user('ann'));
      for (const [written, exp] of [
        ['2.0e9', 2_000_000_000],
        ['20000000005E-1', 2_000_000_000.5],
        ['2000000000.0', 2_000_000_000],
      ] as const) {
        const text = JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', `"exp":${written}`);
        const token = rightlySigned(t, header, text);
        const peer = await opened(t, { token });
        const expected = `a token is welcomed whose exp is ${written}`;
        await decided(peer, expected);
        t.assert(peer.welcomed, {
          expected,
          actual: `${peer.closed?.detail}`,
          hint: 'A number may have a fraction or an exponent in JSON: read the exp as a number of binary64, and not as digits.',
        });
        const auth = peer.welcome.data['auth'] as Record<string, unknown>;
        const { expires_at } = auth;
        t.equal(expires_at, new Date(exp * 1000).toISOString(), `expires_at for exp ${written}`);
      }
    },
    { variant: 'written' },
  ),
];

/** No token, a token that is none, and tokens of any length. */
const shapes = [
  check('authentication-token-missing', async (t) => {
    await closed(t, {}, 4001, 'token_missing');
    // Basic is another scheme, and so no credential here.
    const basic = 'the header Authorization: Basic';
    await closed(t, bearer('YW5uOmFubg==', 'Basic'), 4001, 'token_missing', basic);
  }),

  check(
    'authentication-token-missing',
    async (t) => {
      for (const value of ['Message', '', '1', 'token', 'messages', 'false'])
        await closed(
          t,
          { query: [['auth', value]] },
          4001,
          'token_missing',
          `the query ?auth=${value}, which is not auth=message, and no credential`,
        );
    },
    { variant: 'other-auth' },
  ),

  check('authentication-empty-token-refused', async (t) => {
    const { pathname } = new URL(t.urls[0] ?? '');
    for (const query of ['token=', 'token', 'token=&v=1'])
      await closed(
        t,
        { path: `${pathname}?${query}` },
        4001,
        /^token_(missing|invalid)$/,
        `the query ?${query}`,
      );
  }),

  check('authentication-long-token-accepted', async (t) => {
    const token = longToken(t, 4_096);
    await welcomed(t, { token });
    await welcomed(t, bearer(token));
  }),

  check('authentication-oversized-token-refused', async (t) => {
    const token = t.mint('ann', { pad: 'x'.repeat(7_000) });
    for (const options of [{ token }, bearer(token)]) {
      // A library that gives up on a request head of this size may not even answer: nobody is welcomed.
      const peer = await t
        .open({ subprotocols: ['parlor.v1'], ...options })
        .catch((error: unknown) => (error instanceof Violation ? null : Promise.reject(error)));
      if (peer === null) continue;
      await decided(peer, 'the connection is refused');
      t.assert(!peer.welcomed, {
        expected: 'a token of more than 8192 bytes is refused',
        actual: `a valid token of ${token.length} bytes is welcomed`,
        hint: 'Look at the length before anything else is done with a token.',
      });
    }
  }),
];

/** More than one token. */
const conflicts = [
  check('authentication-conflict-query-and-header', async (t) => {
    const token = t.mint('ann');
    for (const [what, query, header] of [
      ['the same token in query and header', token, token],
      ['tokens of two users in query and header', token, t.mint('bob')],
      ['a valid token in the query and nonsense in the header', token, 'nonsense'],
      ['nonsense in the query and a valid token in the header', 'nonsense', token],
    ] as const)
      await closed(t, { token: query, ...bearer(header) }, 4001, 'credentials_conflict', what);
  }),

  check('authentication-conflict-token-twice', async (t) => {
    const token = t.mint('ann');
    for (const [what, first, second] of [
      ['the same token twice', token, token],
      ['tokens of two users', token, t.mint('bob')],
      ['a valid token, then nonsense', token, 'nonsense'],
      ['nonsense, then a valid token', 'nonsense', token],
    ] as const)
      await closed(
        t,
        {
          query: [
            ['token', first],
            ['token', second],
          ],
        },
        4001,
        'credentials_conflict',
        what,
      );
  }),
];

/** The checks of spec/authentication.md. */
export const authentication = [
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
