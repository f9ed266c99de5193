import {
  type CryptoKey,
  compactVerify,
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  importSPKI,
} from 'jose';
import { BackendUnavailable } from './broker/broker.js';
import type { TokenConfig } from './options.js';

/** A token's payload whose signature was found right. */
export type Claims = Readonly<Record<string, unknown>>;

/** The header of a token, not yet trusted. */
export type Header = Readonly<Record<string, unknown>>;

/** Why a token does not authenticate. */
export type TokenFault = 'token_invalid' | 'token_expired';

/** Checks a signature: the payload's bytes when it is right, null when not. Rejects when the key is out of reach. */
export type Verifier = (token: string) => Promise<Uint8Array | null>;

// A refusal has to follow within 5 s of the handshake.
const FETCH_TIMEOUT_MS = 3_000;

type Resolver = Parameters<typeof compactVerify>[1];

/** A verifier for the configured keys, which are imported once. */
export async function createVerifier(config: TokenConfig): Promise<Verifier> {
  const options = { algorithms: [...config.algorithms] };
  const keys = await importKeys(config);
  return async (token) => {
    for (const key of keys) {
      const payload = await verifyWith(key, token, options);
      if (payload) return payload;
    }
    return null;
  };
}

async function verifyWith(
  key: Resolver,
  token: string,
  options: { algorithms: string[] },
): Promise<Uint8Array | null> {
  try {
    return (await compactVerify(token, key, options)).payload;
  } catch (error) {
    if (error instanceof BackendUnavailable) throw error;
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return null;
    for await (const candidate of error) {
      const payload = await verifyWith(() => candidate, token, options);
      if (payload) return payload;
    }
    return null;
  }
}

async function importKeys({ algorithms, publicKey, jwksUrl, secret }: TokenConfig) {
  if (jwksUrl !== null) return [remoteKeys(jwksUrl)];
  if (publicKey !== null)
    return Promise.all(
      algorithms.map(async (alg): Promise<Resolver> => {
        const key = await importSPKI(publicKey, alg);
        return () => key;
      }),
    );
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secret, hmac, false, ['verify']);
  return [(): CryptoKey => key];
}

/** The keys behind a URL; what keeps them from being had is no fault of the token. */
function remoteKeys(url: URL): Resolver {
  const remote = createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MS });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) throw error;
      if (error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new BackendUnavailable('The key set cannot be had.', { cause: error });
    }
  };
}

// Whoever writes a token may not also choose the key, or the rules, by which it is judged.
const forbidden = ['jwk', 'jku', 'x5u', 'x5c', 'crit'];

/** The decisions about one token. */
export interface TokensParts {
  /** The longest token that is looked at, in bytes. */
  readonly longest: number;
  /** Whether the header asks for nothing but one of the configured algorithms. */
  header(header: Header, config: TokenConfig): boolean;
  /** The payload of a token whose signature is right, else null. */
  signature(token: string, config: TokenConfig, verify: Verifier): Promise<Uint8Array | null>;
  /** Judges all claims but `exp`. */
  claims(claims: Claims, config: TokenConfig, wall: number): boolean;
  /** Whether the token's time is over. */
  expired(claims: Claims, config: TokenConfig, wall: number): boolean;
  /** Judges a whole token. */
  judge(
    token: string,
    config: TokenConfig,
    verify: Verifier,
    wall: number,
  ): Promise<Claims | TokenFault>;
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Whether a value can be a user: 1 to 255 bytes of well-formed text without control characters. */
export const isSubject = (value: unknown) =>
  typeof value === 'string' &&
  value !== '' &&
  Buffer.byteLength(value) <= 255 &&
  value.isWellFormed() &&
  !CONTROL.test(value);

const isStrings = (value: unknown) =>
  Array.isArray(value) && value.every((it) => typeof it === 'string');

/** As the specification has it. */
export const tokens: TokensParts = {
  longest: 8_192,

  header: (header, config) =>
    typeof header['alg'] === 'string' &&
    config.algorithms.includes(header['alg']) &&
    (header['b64'] ?? true) === true &&
    !forbidden.some((name) => Object.hasOwn(header, name)),

  signature: (token, _config, verify) => verify(token),

  claims(claims, config, wall) {
    const { sub, exp, nbf, aud, iss, rooms } = claims;
    if (!isTime(exp) || !isSubject(sub)) return false;
    if (nbf !== undefined && !(isTime(nbf) && nbf * 1_000 <= wall + config.leewayMs)) return false;
    if (config.audience !== null)
      if (!(Array.isArray(aud) ? aud : [aud]).includes(config.audience)) return false;
    if (config.issuer !== null && iss !== config.issuer) return false;
    return rooms === undefined || isStrings(rooms);
  },

  expired: ({ exp }, config, wall) => Number(exp) * 1_000 + config.leewayMs <= wall,

  async judge(token, config, verify, wall) {
    if (Buffer.byteLength(token) > this.longest || token.split('.').length !== 3)
      return 'token_invalid';
    let header: Header;
    try {
      header = decodeProtectedHeader(token);
    } catch {
      return 'token_invalid';
    }
    if (!this.header(header, config)) return 'token_invalid';
    const payload = await this.signature(token, config, verify);
    const claims = payload && readClaims(payload);
    if (!claims || !this.claims(claims, config, wall)) return 'token_invalid';
    return this.expired(claims, config, wall) ? 'token_expired' : claims;
  },
};

function readClaims(payload: Uint8Array): Claims | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
    const claims: unknown = JSON.parse(text);
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims)
      ? (claims as Claims)
      : null;
  } catch {
    return null;
  }
}
