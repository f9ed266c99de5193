import type { KeyObject } from 'node:crypto';
import { selfSigned, toPem } from '#conformance/harness/certificate.js';
import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { assemble, type Changes, signWith } from '#conformance/harness/tokens.js';
import {
  byPublicKey,
  refusedToken,
  rightKey,
  rightlySigned,
  type Stranger,
  signedBy,
  stranger,
  strangersOf,
  type Tokens,
} from './forgeries.js';
import { withKeySet } from './keysets.js';
import { Listener } from './listeners.js';
import { closed, decided, welcomed } from './openings.js';

const KID = 'a-key-of-mine';

const certificates = new Map<Stranger, Buffer>();

function certificateOf(who: Stranger): Buffer {
  const known = certificates.get(who) ?? selfSigned(who.key as KeyObject, 'mallory');
  certificates.set(who, known);
  return known;
}

// Tokens of strangers whose header says where their key is to be had.
function bringing(
  t: Stage,
  strangers: readonly Stranger[],
  what: string,
  header: (who: Stranger) => Changes,
): Tokens {
  return Object.fromEntries(
    strangers.map((who) => [
      `${who.algorithm} under the key ${what}`,
      signedBy(t, who.algorithm, who.key, header(who)),
    ]),
  );
}

// Those whose keys fit into a certificate.
const certified = (t: Stage) =>
  strangersOf(t, 'RS256', 'ES256').filter(({ algorithm }) => /^[RE]S/.test(algorithm));

const jwk = refusedToken('authentication-header-jwk-refused', (t) =>
  bringing(t, strangersOf(t, 'HS256', 'RS256', 'ES256'), 'in its own jwk', (who) => ({
    jwk: { ...who.jwk, alg: who.algorithm, use: 'sig' },
  })),
);

const x5c = refusedToken('authentication-header-x5c-refused', (t) =>
  bringing(t, certified(t), 'of the certificate in its own x5c', (who) => ({
    x5c: [certificateOf(who).toString('base64')],
  })),
);

const fetched = (name: 'jku' | 'x5u') =>
  check(`authentication-header-${name}-refused`, (t) =>
    Listener.during(t, 'answer', async (listener) => {
      const strangers = name === 'jku' ? strangersOf(t, 'RS256', 'ES256') : certified(t);
      for (const who of strangers) {
        listener.bodies['/keys'] = JSON.stringify({
          keys: [{ ...who.jwk, kid: KID, alg: who.algorithm, use: 'sig' }],
        });
        if (name === 'x5u') listener.bodies['/certificate'] = toPem(certificateOf(who));
        const where = listener.url(name === 'jku' ? '/keys' : '/certificate');
        const token = signedBy(t, who.algorithm, who.key, { [name]: where, kid: KID });
        await closed(
          t,
          { token },
          4001,
          'token_invalid',
          `${who.algorithm} under a key that its ${name} points at`,
        );
      }
    }),
  );

const jku = fetched('jku');
const x5u = fetched('x5u');

// What a token may name, each at an address of its own.
const pointing = (listener: Listener): Changes[] => [
  { jku: listener.url('/jku'), kid: KID },
  { x5u: listener.url('/x5u'), kid: KID },
  { kid: listener.url('/kid') },
];

const never = check('authentication-header-never-fetched', async (t) => {
  const { hostname } = new URL(t.urls[0] ?? '');
  if (!/^(127\.|localhost$|\[::1\]$)/.test(hostname))
    t.notExercised(`the server at ${hostname} could not reach an address of the runner`);
  await Listener.during(t, 'answer', async (listener) => {
    const { algorithm } = t.minter.config;
    const { jwk: key } = stranger('RS256');
    const keys = JSON.stringify({ keys: [{ ...key, kid: KID, alg: 'RS256', use: 'sig' }] });
    for (const path of ['/jku', '/x5u', '/kid', '/jwks', '/.well-known/jwks.json'])
      listener.bodies[path] = keys;
    listener.bodies['/.well-known/openid-configuration'] = JSON.stringify({
      issuer: listener.url(''),
      jwks_uri: listener.url('/jwks'),
    });
    const iss = { iss: listener.url('') };
    const tokens = [
      ...pointing(listener).flatMap((header) =>
        strangersOf(t, 'RS256').map((who) => signedBy(t, who.algorithm, who.key, header)),
      ),
      // Rightly signed, and pointing elsewhere all the same.
      ...pointing(listener).map((header) => signedBy(t, algorithm, rightKey(t), header)),
      signedBy(t, 'RS256', stranger('RS256').key, { kid: KID }, iss),
      signedBy(t, algorithm, rightKey(t), {}, iss),
    ];
    const peers = await Promise.all(tokens.map((token) => t.open({ token })));
    // Whoever fetches does so before he decides.
    for (const peer of peers) await decided(peer, 'the connection is welcomed or closed');
    await welcomed(t, { token: t.mint('ann') });
    t.equal(listener.requests, [], 'what the server fetched from addresses that tokens name');
  });
});

// A raw JSON payload in a token must not contain a dot.
const dotless = (claims: unknown) => JSON.stringify(claims).replaceAll('.', '\\u002e');

function unencoded(t: Stage): Tokens {
  const { algorithm } = t.minter.config;
  const sign = (header: unknown, claims: string) => {
    const [protectedHeader = ''] = assemble({ header, claims: '' }, () => Buffer.alloc(0)).split(
      '.',
    );
    const signature = signWith(algorithm, rightKey(t), `${protectedHeader}.${claims}`);
    return { protectedHeader, signature: signature.toString('base64url') };
  };
  const { header, claims } = t.minter.parts(t.user('ann'));
  const listed = { ...header, b64: false, crit: ['b64'] };
  const raw = dotless(claims);
  const { protectedHeader, signature } = sign(listed, raw);
  return {
    'an unencoded payload': `${protectedHeader}.${raw}.${signature}`,
    'an encoded payload, signed unencoded': `${protectedHeader}.${Buffer.from(raw).toString('base64url')}.${signature}`,
    'b64 false and an encoded payload': rightlySigned(t, listed, claims),
    'b64 false that crit does not list': rightlySigned(t, { ...header, b64: false }, claims),
  };
}

/** The checks of what a token's header must not bring about. */
export const headers = [
  jwk,
  byPublicKey(jwk),
  jku,
  byPublicKey(jku),
  x5u,
  byPublicKey(x5u),
  x5c,
  byPublicKey(x5c),
  never,

  check('authentication-kid-unknown-refused', (t) =>
    withKeySet(t, async ({ listener, at, minter, takes }) => {
      listener.manner = 'answer';
      await takes();
      for (const kid of ['no-such-key', '0', 'KEY-1'])
        await closed(
          t,
          { at, token: minter.mint(t.user('ann'), {}, { kid }) },
          4001,
          'token_invalid',
          `the kid ${JSON.stringify(kid)}, which no key of the set bears`,
        );
    }),
  ),

  refusedToken('authentication-kid-never-a-path', (t) => {
    const forged = (kid: string, key: string) => signedBy(t, 'HS256', key, { kid });
    const union = "' UNION SELECT 'x";
    return {
      'a kid that leads to an empty file': forged('../../../../../../../../dev/null', ''),
      'a kid that is an empty file': forged('/dev/null', ''),
      'a kid with a zero byte': forged('/dev/null\u0000.pem', ''),
      'a kid that ends a query': forged(`no-such-key${union}`, 'x'),
      'a kid that ends a query in a comment': forged(`no-such-key${union}' -- `, 'x'),
    };
  }),

  refusedToken('authentication-crit-unknown-refused', (t) => {
    const parts = t.minter.parts(t.user('ann'));
    const critical = { ...parts.header, crit: ['x-unknown'], 'x-unknown': true };
    return { 'a crit that lists x-unknown': rightlySigned(t, critical, parts.claims) };
  }),

  refusedToken('authentication-b64-false-refused', unencoded),
];
