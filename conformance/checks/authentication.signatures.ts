import { check } from '#conformance/harness/check.js';
import { assemble, hmac, type Minter, segment } from '#conformance/harness/tokens.js';
import {
  byPublicKey,
  publicKey,
  refusedToken,
  rightKey,
  rightlySigned,
  signedBy,
  stranger,
  type Tokens,
  takesTokens,
} from './forgeries.js';
import { closed } from './openings.js';

const cut = (token: string, letters: number) => token.slice(0, token.length - letters);
const unsigned = (token: string) => token.slice(0, token.lastIndexOf('.') + 1);

// Algorithms that the same key could serve, and that are not configured.
const siblings: Readonly<Record<string, readonly string[]>> = {
  HS256: ['HS384', 'HS512'],
  RS256: ['RS384', 'RS512', 'PS256'],
  ES256: ['ES384', 'ES512'],
  EdDSA: [],
};

const unlisted = refusedToken('authentication-alg-unlisted-refused', (t) => {
  const { algorithm } = t.minter.config;
  const others = siblings[algorithm] ?? [];
  if (others.length === 0) t.notExercised(`no other algorithm works with a key of ${algorithm}`);
  const misspelt = [algorithm.toLowerCase(), `${algorithm}\n`, ` ${algorithm}`].map((alg) => {
    const { header, claims } = t.minter.parts(t.user('ann'), {}, { alg });
    return [`the alg ${JSON.stringify(alg)}`, rightlySigned(t, header, claims)] as const;
  });
  return Object.fromEntries([
    ...others.map(
      (other) =>
        [`${other} with the key of ${algorithm}`, signedBy(t, other, rightKey(t))] as const,
    ),
    ...misspelt,
  ]);
});

// The ways in which the bytes of a public key become a secret.
function confusions(minter: Minter, user: string): Tokens {
  const key = minter.publicKey;
  const pem = key.export({ type: 'spki', format: 'pem' }) as string;
  const secrets: Record<string, string | Buffer> = {
    'the PEM': pem,
    'the PEM without its last line break': pem.trimEnd(),
    'the DER': key.export({ type: 'spki', format: 'der' }),
    'the JWK': JSON.stringify(key.export({ format: 'jwk' })),
  };
  const sign = (secret: string | Buffer, bits: 256 | 512) =>
    assemble(minter.parts(user, {}, { alg: `HS${bits}` }), (input) => hmac(secret, input, bits));
  return Object.fromEntries(
    Object.entries(secrets).flatMap(([what, secret]) => [
      [`HS256 under ${what} of the public key`, sign(secret, 256)],
      [`HS512 under ${what} of the public key`, sign(secret, 512)],
    ]),
  );
}

const emptyKey = refusedToken('authentication-hmac-empty-key-refused', (t) => ({
  'HS256 under the empty key': signedBy(t, 'HS256', ''),
  'HS256 under the empty key, with an unknown kid': signedBy(t, 'HS256', '', {
    kid: 'no-such-key',
  }),
}));

/** The checks of a token's form and signature. */
export const signatures = [
  refusedToken('authentication-malformed-refused', (t) => {
    const { header, claims } = t.minter.parts(t.user('ann'));
    const valid = t.mint('ann');
    return {
      'a word': 'abc',
      'three letters': 'a.b.c',
      'two dots': '..',
      'the word undefined': 'undefined',
      'an object in words': '[object Object]',
      'bytes that are no base64url': '\u0000.\u00ff.%%%',
      'a token in quotes': `"${valid}"`,
      'a header that is no JSON': rightlySigned(t, 'not json', claims),
      'a header that is an array': rightlySigned(t, [header], claims),
      'a header that is null': rightlySigned(t, null, claims),
      'claims that are no JSON': rightlySigned(t, header, 'not json'),
      'claims that are half an object': rightlySigned(t, header, '{"sub":"ann"'),
      'claims that are an array': rightlySigned(t, header, [claims]),
      'claims that are null': rightlySigned(t, header, null),
      'claims that are a string': rightlySigned(t, header, '"ann"'),
      'no claims': rightlySigned(t, header, ''),
    };
  }),

  refusedToken('authentication-segment-count', (t) => {
    const valid = t.mint('ann');
    return {
      'a token without its third segment': cut(unsigned(valid), 1),
      'a token and two more segments': `${valid}.${segment('more')}.${segment('yet more')}`,
      'a token and two empty segments': `${valid}..`,
    };
  }),

  refusedToken('authentication-signature-wrong', (t) => {
    const { algorithm } = t.minter.config;
    return { 'another key': signedBy(t, algorithm, stranger(algorithm).key) };
  }),

  refusedToken('authentication-signature-truncated', (t) => {
    const valid = t.mint('ann');
    const letters = valid.length - unsigned(valid).length;
    return {
      'a signature without its last four letters': cut(valid, 4),
      'the first half of a signature': cut(valid, Math.floor(letters / 8) * 4),
      'the first four letters of a signature': cut(valid, letters - 4),
    };
  }),

  check('authentication-payload-tampered', async (t) => {
    const valid = t.mint('ann');
    // A server that remembers signatures has seen this one.
    await t.connect('ann', { token: valid });
    const [header, , signature] = valid.split('.');
    const other = t.minter.parts(t.user('mallory')).claims;
    for (const [what, claims] of [
      ['the claims of another user', segment(other)],
      ['the claims of another valid token', t.mint('bob').split('.')[1]],
    ] as const)
      await closed(
        t,
        { token: `${header}.${claims}.${signature}` },
        4001,
        'token_invalid',
        `${what} under a used signature`,
      );
  }),

  refusedToken('authentication-empty-signature-refused', (t) => ({
    'an empty signature': unsigned(t.mint('ann')),
  })),

  refusedToken('authentication-alg-none-refused', (t) => {
    const parts = t.minter.parts(t.user('mallory'), {}, { alg: 'none' });
    return {
      'alg none and an empty signature': assemble(parts, () => Buffer.alloc(0)),
      'alg none and some signature': assemble(parts, () => Buffer.from('signature')),
      'alg none and a right signature': rightlySigned(t, parts.header, parts.claims),
    };
  }),

  refusedToken('authentication-alg-none-any-case-refused', (t) =>
    Object.fromEntries(
      ['None', 'NONE', 'nOnE', ' none', 'none '].map((alg) => [
        `the alg ${JSON.stringify(alg)} and an empty signature`,
        assemble(t.minter.parts(t.user('mallory'), {}, { alg }), () => Buffer.alloc(0)),
      ]),
    ),
  ),

  unlisted,
  byPublicKey(unlisted),

  check('authentication-key-confusion-refused', async (t) => {
    const shared = t.minter.config.algorithm === 'HS256';
    const own = shared ? await t.launch(publicKey.instance, { shared: true }) : undefined;
    const minter = own?.minter ?? t.minter;
    if (own) await takesTokens(t, own, minter);
    for (const [what, token] of Object.entries(confusions(minter, t.user('mallory'))))
      await closed(t, { token, ...(own && { at: own }) }, 4001, 'token_invalid', what);
  }),

  emptyKey,
  byPublicKey(emptyKey),
];
