import { createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { Minter } from './tokens.js';
import { NotExercised, TargetError, UsageError } from './verdict.js';

const cwd = mkdtempSync(join(tmpdir(), 'parlor-'));
afterAll(() => rmSync(cwd, { recursive: true }));

// What somebody may write who has only his own library at hand; `edit` changes the claims on the way.
function script(name: string, edit = '', alg = 'HS256'): string {
  const text = `
    const { createHmac } = require('node:crypto');
    const claims = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
    ${edit}
    const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = text({ alg: '${alg}' }) + '.' + text(claims);
    console.log(input + '.' + createHmac('sha256', 'a secret').update(input).digest('base64url'));
    require('node:fs').appendFileSync('${name}.count', '.');
  `;
  writeFileSync(join(cwd, `${name}.cjs`), text);
  return `node ${name}.cjs`;
}

const minter = (line: string, more = {}) => new Minter({ command: { line, cwd }, ...more });
const claimsOf = (token: string) =>
  jwtVerify(token, createSecretKey(Buffer.from('a secret'))).then(({ payload }) => payload);

describe('a command that mints', () => {
  it('gets the claims, and its tokens are those of the run', async () => {
    const mint = minter(script('plain'), { issuer: 'https://issuer.test' });
    expect(mint.config.algorithm).toBe('HS256');
    expect(await claimsOf(mint.mint('ann', { rooms: ['lounge'] }))).toMatchObject({
      sub: 'ann',
      iss: 'https://issuer.test',
      rooms: ['lounge'],
    });
    const soon = await Promise.all(['bob', 'cat'].map((user) => mint.mintSoon(user)));
    expect(await Promise.all(soon.map(async (token) => (await claimsOf(token)).sub))).toEqual([
      'bob',
      'cat',
    ]);
  });

  it('is asked once for equal claims', async () => {
    const mint = minter(script('twice'));
    const claims = { iat: 1, exp: 4e9 };
    expect(mint.mint('ann', claims)).toBe(mint.mint('ann', claims));
    expect(await mint.mintSoon('ann', claims)).toBe(mint.mint('ann', claims));
  });

  it('leaves no key to forge with', () => {
    const mint = minter(script('keyless'));
    for (const use of [
      () => mint.secret,
      () => mint.privateKey,
      () => mint.publicKey,
      () => mint.mint('ann', {}, { kid: 'k' }),
    ])
      expect(use).toThrow(NotExercised);
  });

  it.each([
    ['exit 3', 'the token command ended with status 3'],
    ['echo no key >&2; exit 1', 'the token command ended with status 1: no key'],
    ['echo hello', 'the token command has to print one token and nothing else, it printed "hello"'],
    [script('other', "claims.sub = 'someone'"), "does not sign the claims that it is given: 'sub'"],
    [script('unknown', '', 'PS256'), 'the token command signs with PS256; expected one of HS256'],
  ])('that is %j is told in a sentence', (line, message) => {
    expect(() => minter(line)).toThrow(TargetError);
    expect(() => minter(line)).toThrow(message);
  });

  it('that does what it likes with a claim leaves the checks of it not exercised', async () => {
    const mint = minter(script('eager', 'claims.exp ??= 4e9; claims.nbf = 0'));
    expect(() => mint.mint('ann', { exp: undefined })).toThrow(NotExercised);
    await expect(async () => mint.mintSoon('ann', { nbf: 4e9 })).rejects.toThrow(
      "'nbf' has to be 4000000000, in its token it is 0",
    );
  });

  it('takes no secret beside it, and no algorithm that it does not sign with', () => {
    expect(() => minter(script('beside'), { secret: 's' })).toThrow(UsageError);
    expect(() => minter(script('beside'), { algorithm: 'ES256' })).toThrow(
      'said to be ES256, the command signs with HS256',
    );
  });
});
