import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackendUnavailable } from './broker/broker.js';
import { resolveOptions, type ServerOptions } from './options.js';
import { createVerifier, tokens } from './tokens.js';

const SECRET = 'a secret of at least thirty-two bytes';
const NOW = Date.UTC(2030, 0, 1);
const exp = NOW / 1_000 + 60;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function hmac(header: object, claims: unknown, key: string | Buffer = SECRET): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

function signed(alg: string, key: KeyObject, claims: object, header: object = {}): string {
  const input = `${encode({ alg, ...header })}.${encode(claims)}`;
  const digest = alg === 'EdDSA' ? null : 'sha256';
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

async function judge(token: string, options: ServerOptions['tokens'] = { secret: SECRET }) {
  const config = resolveOptions({ tokens: options }).tokens;
  if (!config) throw new Error('no tokens');
  const judged = await tokens.judge(token, config, await createVerifier(config), NOW);
  return typeof judged === 'string' ? judged : 'right';
}

const HS = { alg: 'HS256' };
const ann = { sub: 'ann', exp };
const right = hmac(HS, ann);
const [head, body, mac] = right.split('.') as [string, string, string];

describe('a token', () => {
  it.each<[string, string, string]>([
    ['right', right, 'right'],
    ['with a type', hmac({ alg: 'HS256', typ: 'JWT' }, ann), 'right'],
    ['with the longest subject', hmac(HS, { sub: 'é'.repeat(127), exp }), 'right'],
    ['with a fractional exp', hmac(HS, { sub: 'ann', exp: exp + 0.5 }), 'right'],
    ['empty', '', 'token_invalid'],
    ['of words', 'not.a.token', 'token_invalid'],
    ['of two segments', `${head}.${body}`, 'token_invalid'],
    ['of five segments', `${right}.a.b`, 'token_invalid'],
    ['too long', hmac(HS, { ...ann, pad: 'x'.repeat(8_192) }), 'token_invalid'],
    ['of another key', hmac(HS, ann, 'another'), 'token_invalid'],
    ['of the empty key', hmac(HS, ann, ''), 'token_invalid'],
    ['cut short', `${head}.${body}.${mac.slice(0, -4)}`, 'token_invalid'],
    ['unsigned', `${head}.${body}.`, 'token_invalid'],
    ['changed', `${head}.${encode({ sub: 'eve', exp })}.${mac}`, 'token_invalid'],
    ['of alg none', `${encode({ alg: 'none' })}.${body}.`, 'token_invalid'],
    ['of alg NoNe', `${encode({ alg: 'NoNe' })}.${body}.`, 'token_invalid'],
    ['of alg HS384', hmac({ alg: 'HS384' }, ann), 'token_invalid'],
    ['with crit', hmac({ ...HS, crit: ['x'], x: 1 }, ann), 'token_invalid'],
    ['with b64', hmac({ ...HS, b64: false, crit: ['b64'] }, ann), 'token_invalid'],
    ['with a jku', hmac({ ...HS, jku: 'http://127.0.0.1:9/' }, ann), 'token_invalid'],
    ['with an x5u', hmac({ ...HS, x5u: 'http://127.0.0.1:9/' }, ann), 'token_invalid'],
    ['with a jwk', hmac({ ...HS, jwk: { kty: 'oct', k: 'eA' } }, ann), 'token_invalid'],
    ['of an array', hmac(HS, [ann]), 'token_invalid'],
    ['without exp', hmac(HS, { sub: 'ann' }), 'token_invalid'],
    ['with exp in a string', hmac(HS, { sub: 'ann', exp: String(exp) }), 'token_invalid'],
    ['expired', hmac(HS, { sub: 'ann', exp: NOW / 1_000 }), 'token_expired'],
    ['expired and forged', hmac(HS, { sub: 'ann', exp: 1 }, 'another'), 'token_invalid'],
    ['expired, without a subject', hmac(HS, { exp: 1 }), 'token_invalid'],
    ['not yet valid', hmac(HS, { ...ann, nbf: exp }), 'token_invalid'],
    ['with nbf in a string', hmac(HS, { ...ann, nbf: '0' }), 'token_invalid'],
    ['without a subject', hmac(HS, { exp }), 'token_invalid'],
    ['with an empty subject', hmac(HS, { sub: '', exp }), 'token_invalid'],
    ['with a number as subject', hmac(HS, { sub: 1, exp }), 'token_invalid'],
    ['with a long subject', hmac(HS, { sub: 'é'.repeat(128), exp }), 'token_invalid'],
    ['with a line break in its subject', hmac(HS, { sub: 'a\nb', exp }), 'token_invalid'],
    ['with one room', hmac(HS, { ...ann, rooms: 'den' }), 'token_invalid'],
    ['with numbers as rooms', hmac(HS, { ...ann, rooms: [1] }), 'token_invalid'],
  ])('%s', async (_what, token, verdict) => {
    expect(await judge(token)).toBe(verdict);
  });

  it('is held to issuer, audience and leeway where they are configured', async () => {
    const options = { secret: SECRET, issuer: 'https://i', audience: 'a', leewayMs: 2_000 };
    const verdict = (claims: object) => judge(hmac(HS, { ...ann, ...claims }), options);
    expect(await verdict({ iss: 'https://i', aud: 'a' })).toBe('right');
    expect(await verdict({ iss: 'https://i', aud: ['b', 'a'] })).toBe('right');
    expect(await verdict({ iss: 'https://i', aud: 'a', exp: NOW / 1_000 - 1 })).toBe('right');
    expect(await verdict({ iss: 'https://i', aud: 'a', exp: NOW / 1_000 - 2 })).toBe(
      'token_expired',
    );
    expect(await verdict({ iss: 'https://I', aud: 'a' })).toBe('token_invalid');
    expect(await verdict({ iss: 'https://i', aud: 'A' })).toBe('token_invalid');
    expect(await verdict({ iss: 'https://i' })).toBe('token_invalid');
    expect(await verdict({ aud: 'a' })).toBe('token_invalid');
  });
});

describe.each([
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2_048 })],
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['EdDSA', generateKeyPairSync('ed25519')],
])('a token under %s', (alg, { publicKey, privateKey }) => {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const options = { algorithms: [alg], publicKey: pem };

  it('is verified with the public key', async () => {
    expect(await judge(signed(alg, privateKey, ann), options)).toBe('right');
  });

  it('is not taken for an HMAC under the public key', async () => {
    const der = publicKey.export({ type: 'spki', format: 'der' });
    expect(await judge(hmac(HS, ann, pem), options)).toBe('token_invalid');
    expect(await judge(hmac({ alg }, ann, pem), options)).toBe('token_invalid');
    expect(await judge(hmac(HS, ann, der), options)).toBe('token_invalid');
  });
});

describe('a key set', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const another = generateKeyPairSync('ed25519');
  const http = createServer();
  let url: URL;

  beforeAll(async () => {
    const key = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'EdDSA' };
    const twin = { ...(await exportJWK(another.publicKey)), kid: 'k2', alg: 'EdDSA' };
    http.on('request', (request, response) => {
      if (request.url === '/keys') response.end(JSON.stringify({ keys: [twin, key] }));
      else response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve);
    });
    url = new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/keys`);
  });
  afterAll(() => {
    http.close();
  });

  it('is asked for the key that a token names, or tried through', async () => {
    const options = { algorithms: ['EdDSA'], jwksUrl: url };
    expect(await judge(signed('EdDSA', privateKey, ann, { kid: 'k1' }), options)).toBe('right');
    expect(await judge(signed('EdDSA', privateKey, ann), options)).toBe('right');
    expect(await judge(signed('EdDSA', privateKey, ann, { kid: 'k2' }), options)).toBe(
      'token_invalid',
    );
    expect(await judge(signed('EdDSA', privateKey, ann, { kid: 'k3' }), options)).toBe(
      'token_invalid',
    );
  });

  it('out of reach is no fault of the token', async () => {
    for (const broken of [new URL('/broken', url), new URL('http://127.0.0.1:9/')])
      await expect(
        judge(signed('EdDSA', privateKey, ann), { algorithms: ['EdDSA'], jwksUrl: broken }),
      ).rejects.toBeInstanceOf(BackendUnavailable);
  });
});
