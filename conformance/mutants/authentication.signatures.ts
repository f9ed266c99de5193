import { createPublicKey } from 'node:crypto';
import type { TokenConfig } from '#server/options.js';
import { type Mutant, mutant } from './mutant.js';
import {
  alsoTaking,
  configuredKey,
  isSignedBy,
  judging,
  mac,
  type Parsed,
  parse,
  peek,
} from './signatures.js';

const alg = ({ header }: Parsed) => String(header['alg']);
const spki = ({ publicKey }: TokenConfig) => createPublicKey(publicKey ?? '');

const isPrefix = (given: Buffer, whole: Buffer) =>
  given.length > 0 && whole.subarray(0, given.length).equals(given);

/** Faults in the form and the signature of a token. */
export const signatures: readonly Mutant[] = [
  mutant(
    'authentication-malformed-refused',
    'token-parser-throws',
    'What is no token makes the handler fail.',
    judging((right, token, ...rest) => {
      parse(token);
      return right.judge(token, ...rest);
    }),
  ),
  mutant(
    'authentication-malformed-refused',
    'token-claims-throw',
    'Claims that are no object make the handler fail.',
    judging(async (right, token, ...rest) => {
      const claims = peek(token) as { sub: string };
      if (claims.sub === '') throw new Error('no sub');
      return right.judge(token, ...rest);
    }),
  ),
  mutant(
    'authentication-segment-count',
    'segments-not-counted',
    'The first three segments are taken, and the others are not looked at.',
    judging((right, token, ...rest) =>
      right.judge(token.split('.').slice(0, 3).join('.'), ...rest),
    ),
  ),
  mutant(
    'authentication-segment-count',
    'segments-two-unsigned',
    'A token without a third segment has no signature to be checked.',
    judging(async (right, token, ...rest) =>
      token.split('.').length === 2
        ? (peek(token) ?? 'token_invalid')
        : right.judge(token, ...rest),
    ),
  ),
  mutant(
    'authentication-signature-wrong',
    'signature-unchecked',
    'Tokens are read and not verified.',
    alsoTaking(({ signature }) => signature.length > 0),
  ),
  mutant(
    'authentication-signature-truncated',
    'signature-prefix',
    'Signatures are compared over the length of the one that came.',
    alsoTaking((token, config) =>
      isPrefix(token.signature, mac('HS256', configuredKey(config), token.input)),
    ),
  ),
  mutant(
    'authentication-payload-tampered',
    'signature-remembered',
    'Signatures that were once right are remembered without what they signed.',
    ({ tokens }) => {
      const known = new Set<string>();
      return {
        tokens: {
          async signature(token, config, right) {
            const { signature, payload } = parse(token);
            const key = signature.toString('hex');
            if (known.has(key)) return payload;
            const verified = await tokens.signature(token, config, right);
            if (verified) known.add(key);
            return verified;
          },
        },
      };
    },
  ),
  mutant(
    'authentication-empty-signature-refused',
    'signature-empty',
    'An empty signature is compared over no bytes, and is right.',
    alsoTaking((token) => alg(token) === 'HS256' && token.signature.length === 0),
  ),
  mutant(
    'authentication-alg-none-refused',
    'alg-none',
    'Unsecured tokens are taken.',
    alsoTaking((token) => alg(token) === 'none'),
  ),
  mutant(
    'authentication-alg-none-any-case-refused',
    'alg-none-any-case',
    'Only the alg `none` in lower case is refused.',
    alsoTaking((token) => alg(token) !== 'none' && alg(token).trim().toLowerCase() === 'none'),
  ),
  mutant(
    'authentication-alg-unlisted-refused',
    'alg-of-token',
    'The signature is checked by the algorithm that the token names.',
    alsoTaking(
      (token, config) => /^HS/.test(alg(token)) && isSignedBy(token, configuredKey(config)),
    ),
  ),
  mutant(
    'authentication-alg-unlisted-refused',
    'alg-any-case',
    'The algorithm is compared without case and white space.',
    alsoTaking((token, config) => {
      const header = { ...token.header, alg: alg(token).trim().toUpperCase() };
      return (
        config.algorithms.includes(header.alg) &&
        isSignedBy({ ...token, header }, configuredKey(config))
      );
    }),
  ),
  mutant(
    'authentication-alg-unlisted-refused',
    'alg-of-key',
    'Every algorithm that a public key can serve is taken.',
    alsoTaking(
      (token, config) => config.publicKey !== null && isSignedBy(token, configuredKey(config)),
    ),
  ),
  mutant(
    'authentication-key-confusion-refused',
    'key-pem-as-secret',
    'The text of the public key is the secret of an HMAC.',
    alsoTaking((token, { publicKey }) => publicKey !== null && isSignedBy(token, publicKey)),
  ),
  mutant(
    'authentication-key-confusion-refused',
    'key-der-as-secret',
    'The bytes of the public key are the secret of an HMAC.',
    alsoTaking((token, config) =>
      isSignedBy(token, spki(config).export({ type: 'spki', format: 'der' })),
    ),
  ),
  mutant(
    'authentication-key-confusion-refused',
    'key-jwk-as-secret',
    'The JWK of the public key is the secret of an HMAC.',
    alsoTaking((token, config) =>
      isSignedBy(token, JSON.stringify(spki(config).export({ format: 'jwk' }))),
    ),
  ),
  mutant(
    'authentication-hmac-empty-key-refused',
    'key-empty',
    'The empty key is tried beside the configured one.',
    alsoTaking((token) => /^HS/.test(alg(token)) && isSignedBy(token, '')),
  ),
  mutant(
    'authentication-hmac-empty-key-refused',
    'key-empty-for-unknown-kid',
    'The key of an unknown kid is empty.',
    alsoTaking((token) => token.header['kid'] !== undefined && isSignedBy(token, '')),
  ),
];
