import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  verify,
} from 'node:crypto';
import type { TokenConfig } from '#server/options.js';
import type { Claims, Header, TokensParts } from '#server/tokens.js';
import type { Mutant } from './mutant.js';

/** A token taken apart, nothing of it verified. */
export interface Parsed {
  header: Header;
  payload: Buffer;
  /** What was signed. */
  input: string;
  signature: Buffer;
}

/** Takes a token apart. */
export function parse(token: string): Parsed {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return {
    header: JSON.parse(Buffer.from(header, 'base64url').toString()) as Header,
    payload: Buffer.from(payload, 'base64url'),
    input: `${header}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** The claims of a token, nothing of it verified; null when they are none. */
export function peek(token: string): Claims | null {
  try {
    return JSON.parse(parse(token).payload.toString()) as Claims;
  } catch {
    return null;
  }
}

/** Whether the signature is right under a key, by the algorithm that the token itself names. */
export function isSignedBy(
  { header, input, signature }: Parsed,
  key: KeyObject | string | Buffer,
): boolean {
  const alg = String(header['alg']);
  const data = Buffer.from(input);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('HS')) return mac(alg, key, input).equals(signature);
  if (typeof key === 'string' || Buffer.isBuffer(key)) return false;
  if (alg === 'EdDSA') return verify(null, data, key, signature);
  if (alg.startsWith('ES'))
    return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (alg.startsWith('PS'))
    return verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, signature);
  return alg.startsWith('RS') && verify(hash, data, key, signature);
}

/** The HMAC of an input by the algorithm `HS…`. */
export function mac(alg: string, key: KeyObject | string | Buffer, input: string): Buffer {
  const secret = typeof key === 'string' || Buffer.isBuffer(key) ? key : key.export();
  return createHmac(`sha${alg.slice(2)}`, secret as Buffer)
    .update(input)
    .digest();
}

/** The key that a server is configured with. */
export function configuredKey({ publicKey, secret }: TokenConfig): KeyObject {
  return publicKey === null ? createSecretKey(secret) : createPublicKey(publicKey);
}

/** A server that also takes tokens whose signature is right by another key or rule. */
export function alsoTaking(
  rule: (token: Parsed, config: TokenConfig) => boolean | Promise<boolean>,
): Mutant['parts'] {
  return ({ tokens }) => ({
    tokens: {
      header: (header) => typeof header['alg'] === 'string',
      async signature(token, config, right) {
        const parsed = parse(token);
        if (await attempt(() => rule(parsed, config))) return parsed.payload;
        return tokens.header(parsed.header, config) ? tokens.signature(token, config, right) : null;
      },
    },
  });
}

/** A server that reads other claims than those that were signed. */
export function reading(change: (claims: Record<string, unknown>) => void): Mutant['parts'] {
  return ({ tokens }) => ({
    tokens: {
      signature: async (token, config, right) => {
        const payload = await tokens.signature(token, config, right);
        return payload && changed(payload, change);
      },
    },
  });
}

/** A server that judges another whole token, or judges otherwise. */
export function judging(
  judge: (
    right: TokensParts,
    ...given: Parameters<TokensParts['judge']>
  ) => ReturnType<TokensParts['judge']>,
): Mutant['parts'] {
  return ({ tokens }) => ({ tokens: { judge: (...given) => judge(tokens, ...given) } });
}

function changed(payload: Uint8Array, change: (claims: Record<string, unknown>) => void) {
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return payload;
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return payload;
  change(claims as Record<string, unknown>);
  return Buffer.from(JSON.stringify(claims));
}

// Keys that cannot be read and files that are not there prove nothing.
async function attempt(rule: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await rule();
  } catch {
    return false;
  }
}
