import {
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Header } from '#server/tokens.js';
import { type Mutant, mutant } from './mutant.js';
import { alsoTaking, configuredKey, isSignedBy, parse, peek } from './signatures.js';

const readJwk = (jwk: JsonWebKey): KeyObject =>
  jwk.kty === 'oct'
    ? createSecretKey(Buffer.from(String(jwk['k']), 'base64url'))
    : createPublicKey({ key: jwk, format: 'jwk' });

async function fetchKeys(url: unknown): Promise<KeyObject[]> {
  const response = await fetch(String(url));
  const { keys } = (await response.json()) as { keys: JsonWebKey[] };
  return keys.map(readJwk);
}

const fetchCertificate = async (url: unknown): Promise<KeyObject> =>
  new X509Certificate(await (await fetch(String(url))).text()).publicKey;

const ownCertificate = (header: Header): KeyObject => {
  const [first] = header['x5c'] as string[];
  return new X509Certificate(Buffer.from(String(first), 'base64')).publicKey;
};

// Asks an address and makes nothing of the answer.
const visit = (url: unknown): Promise<unknown> => fetch(String(url)).catch(() => null);

const fetching =
  (address: (token: string) => unknown): Mutant['parts'] =>
  ({ tokens }) => ({
    tokens: {
      header: (header) => typeof header['alg'] === 'string',
      async signature(token, config, right) {
        const url = address(token);
        if (typeof url === 'string' && url.startsWith('http')) await visit(url);
        return tokens.header(parse(token).header, config)
          ? tokens.signature(token, config, right)
          : null;
      },
    },
  });

/** Faults in what a token's header brings about. */
export const headers: readonly Mutant[] = [
  mutant(
    'authentication-header-jwk-refused',
    'jwk-trusted',
    'The key that a token brings in `jwk` verifies it.',
    alsoTaking((token) => isSignedBy(token, readJwk(token.header['jwk'] as JsonWebKey))),
  ),
  mutant(
    'authentication-header-jwk-refused',
    'jwk-trusted-for-configured-algorithm',
    'A key in `jwk` replaces the configured public key.',
    alsoTaking(
      (token, { algorithms, publicKey }) =>
        publicKey !== null &&
        algorithms.includes(String(token.header['alg'])) &&
        isSignedBy(token, readJwk(token.header['jwk'] as JsonWebKey)),
    ),
  ),
  mutant(
    'authentication-header-jku-refused',
    'jku-trusted',
    'A token is verified by the key set that its `jku` points at.',
    alsoTaking(async (token) =>
      (await fetchKeys(token.header['jku'])).some((key) => isSignedBy(token, key)),
    ),
  ),
  mutant(
    'authentication-header-x5u-refused',
    'x5u-trusted',
    'A token is verified by the certificate that its `x5u` points at.',
    alsoTaking(async (token) => isSignedBy(token, await fetchCertificate(token.header['x5u']))),
  ),
  mutant(
    'authentication-header-x5c-refused',
    'x5c-trusted',
    'A token is verified by the certificate in its `x5c`, whoever has signed that.',
    alsoTaking((token) => isSignedBy(token, ownCertificate(token.header))),
  ),
  mutant(
    'authentication-header-never-fetched',
    'jku-fetched',
    'The key set at `jku` is fetched, and then not used.',
    fetching((token) => parse(token).header['jku']),
  ),
  mutant(
    'authentication-header-never-fetched',
    'x5u-fetched',
    'The certificate at `x5u` is fetched, and then not used.',
    fetching((token) => parse(token).header['x5u']),
  ),
  mutant(
    'authentication-header-never-fetched',
    'iss-discovered',
    "An issuer's keys are looked for at the address that the token itself gives as `iss`.",
    fetching((token) => {
      const iss = String(peek(token)?.['iss']);
      return iss.includes('127.0.0.1') ? `${iss}/.well-known/openid-configuration` : undefined;
    }),
  ),
  mutant(
    'authentication-kid-unknown-refused',
    'kid-falls-back',
    'An unknown kid stands for the first key of the set.',
    alsoTaking(async (token, { jwksUrl }) => {
      const [key] = jwksUrl ? await fetchKeys(jwksUrl) : [];
      return key !== undefined && isSignedBy(token, key);
    }),
  ),
  mutant(
    'authentication-kid-never-a-path',
    'kid-read-as-file',
    'The key is the content of the file that `kid` names.',
    alsoTaking((token) => isSignedBy(token, readFileSync(String(token.header['kid'])))),
  ),
  mutant(
    'authentication-kid-never-a-path',
    'kid-in-query',
    'The key is looked up by a query that is put together with `kid`.',
    alsoTaking((token) => {
      // What a database makes of: SELECT key FROM keys WHERE kid = '<kid>'
      const [, selected] = / UNION SELECT '([^']*)/.exec(String(token.header['kid'])) ?? [];
      return selected !== undefined && isSignedBy(token, selected);
    }),
  ),
  mutant(
    'authentication-crit-unknown-refused',
    'crit-ignored',
    'The header `crit` is not looked at.',
    alsoTaking(
      (token, config) =>
        token.header['crit'] !== undefined && isSignedBy(token, configuredKey(config)),
    ),
  ),
  mutant(
    'authentication-b64-false-refused',
    'b64-spoken',
    'Unencoded payloads are understood.',
    ({ tokens }) => ({
      tokens: {
        header: ({ b64: _, crit: __, ...header }, config) => tokens.header(header, config),
      },
    }),
  ),
  mutant(
    'authentication-b64-false-refused',
    'b64-ignored',
    'The header `b64` is not looked at.',
    alsoTaking(
      (token, config) => token.header['b64'] === false && isSignedBy(token, configuredKey(config)),
    ),
  ),
];
