import { createPublicKey, createSecretKey } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  algorithms,
  assemble,
  freshToken,
  hmac,
  Minter,
  segment,
  signWith,
  strangerKey,
} from './tokens.js';
import { UsageError } from './verdict.js';

const claims = { issuer: 'https://issuer.test', audience: 'parlor-test' };

describe('a minted token', () => {
  it.each(algorithms)('of %s is accepted by jose', async (algorithm) => {
    const { publicKey, ...config } = freshToken(algorithm);
    const minter = new Minter({ ...config, ...claims, keyId: 'k1' });
    const key = publicKey
      ? createPublicKey(publicKey)
      : createSecretKey(Buffer.from(config.secret ?? ''));
    const { payload, protectedHeader } = await jwtVerify(minter.mint('ann'), key, {
      ...claims,
      algorithms: [algorithm],
    });
    expect(payload.sub).toBe('ann');
    expect(protectedHeader).toEqual({ alg: algorithm, typ: 'JWT', kid: 'k1' });
    // Each character of a signature's beginning may be any: the end of one is often the same.
    const forged = minter
      .mint('ann')
      .replace(/(?<=\..*\.)./, (first) => (first === 'A' ? 'B' : 'A'));
    await expect(jwtVerify(forged, key)).rejects.toThrow();
  });

  it('takes changes, and leaves out what is undefined', () => {
    const minter = new Minter({ algorithm: 'HS256', secret: 's', ...claims });
    const token = minter.mint('ann', { exp: undefined, rooms: ['lounge'] }, { typ: undefined });
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(payload).toMatchObject({ sub: 'ann', rooms: ['lounge'], iss: claims.issuer });
    expect(payload).not.toHaveProperty('exp');
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256' });
  });

  it('can be forged part by part', async () => {
    const { publicKey, ...config } = freshToken('RS256');
    const minter = new Minter(config);
    const { header, claims: body } = minter.parts('ann', {}, { alg: 'HS256' });
    const confused = assemble({ header, claims: body }, (input) => hmac(publicKey ?? '', input));
    const secret = createSecretKey(Buffer.from(publicKey ?? ''));
    await expect(jwtVerify(confused, secret)).resolves.toBeTruthy();
    expect(segment('not json')).toBe(Buffer.from('not json').toString('base64url'));
    const key = strangerKey('RS256');
    const foreign = assemble(minter.parts('ann'), (input) => signWith('RS256', key, input));
    await expect(jwtVerify(foreign, minter.publicKey)).rejects.toThrow();
  });

  it.each(['RS384', 'PS256', 'ES256', 'HS512'])('can be signed as %s', async (alg) => {
    const kind = alg.startsWith('E') ? 'ES256' : 'RS256';
    const { privateKey = '', publicKey = '' } = freshToken(kind);
    const key = new Minter({ algorithm: kind, privateKey });
    const secret = Buffer.alloc(64, 1);
    const token = assemble(key.parts('ann', {}, { alg }), (input) =>
      alg === 'HS512' ? hmac(secret, input, 512) : signWith(alg, key.privateKey, input),
    );
    const verifier = alg === 'HS512' ? createSecretKey(secret) : createPublicKey(publicKey);
    await expect(jwtVerify(token, verifier)).resolves.toBeTruthy();
  });

  it.each([
    [{ algorithm: 'HS256' as const }, 'HS256 needs a secret'],
    [{ algorithm: 'RS256' as const }, 'RS256 needs a private key'],
    [{ algorithm: 'RS256' as const, privateKey: 'nonsense' }, 'no PEM'],
    [
      { algorithm: 'RS256' as const, privateKey: freshToken('ES256').privateKey ?? '' },
      'needs a key of type rsa, this one is ec',
    ],
    [
      {
        algorithm: 'RS256' as const,
        privateKey: strangerKey('RS256').export({ type: 'pkcs8', format: 'pem' }) as string,
      },
      'published in RFC 7520',
    ],
  ])('is not promised by %j', (config, message) => {
    expect(() => new Minter(config)).toThrow(UsageError);
    expect(() => new Minter(config)).toThrow(message);
  });
});
