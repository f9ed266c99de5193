import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { Mint, type MintCommand } from './minting.js';
import { isOfStranger, keyOfStarted, keyOfStranger } from './published.js';
import { NotExercised, TargetError, UsageError } from './verdict.js';

/** The algorithms that a target may be configured with. */
export const algorithms = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof algorithms)[number];

/** How the target verifies tokens, so that the runner can mint them. */
export interface TokenConfig {
  /** Read from a token of `command`, where that is given and this is not. */
  algorithm?: Algorithm;
  /** Shared secret, for HS256. */
  secret?: string;
  /** PEM of the private key, for the other algorithms. */
  privateKey?: string;
  /** In place of a secret or key: a command that mints. What needs a forged token is then not exercised. */
  command?: MintCommand;
  issuer?: string;
  audience?: string;
  /** Tolerance of the target for `exp` and `nbf`, in milliseconds. */
  leewayMs?: number;
  /** `kid` to put into the header. */
  keyId?: string;
}

/** Claims or header members to set on top of the usual ones; undefined takes one away. */
export type Changes = Readonly<Record<string, unknown>>;

/** The parts of a token before it is signed. */
export interface TokenParts {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

const LIFETIME_S = 24 * 3600;

/** Mints tokens that the target has to accept, and the parts from which forgeries are made. */
export class Minter {
  readonly config: TokenConfig & { algorithm: Algorithm };
  readonly #key: KeyObject | string | Mint;

  /**
   * @throws UsageError when algorithm and key do not fit
   * @throws TargetError when a command is to mint, and does not
   */
  constructor(config: TokenConfig) {
    const { command, secret, privateKey } = config;
    if (command === undefined) {
      this.config = { ...config, algorithm: config.algorithm ?? 'HS256' };
      this.#key = readKey(this.config);
      return;
    }
    if (secret !== undefined || privateKey !== undefined)
      throw new UsageError(
        `token: a command mints, and a ${secret === undefined ? 'key' : 'secret'} is given as well`,
      );
    const mint = new Mint(command);
    this.#key = mint;
    const { claims } = partsOf('parlor-runner', config);
    const alg = mint.try(claims);
    const algorithm = algorithms.find((each) => each === alg);
    if (!algorithm)
      throw new TargetError(
        `the token command signs with ${alg}; expected one of ${algorithms.join(', ')}`,
      );
    if (config.algorithm !== undefined && config.algorithm !== algorithm)
      throw new UsageError(
        `token: the algorithm is said to be ${config.algorithm}, the command signs with ${algorithm}`,
      );
    this.config = { ...config, algorithm };
  }

  /** The public half of an asymmetric key. @throws NotExercised with a shared secret */
  get publicKey(): KeyObject {
    const key = this.#held();
    if (typeof key === 'string')
      throw new NotExercised('the target verifies tokens with a shared secret, not a public key');
    return createPublicKey(key);
  }

  /** The private half of an asymmetric key. @throws NotExercised with a shared secret */
  get privateKey(): KeyObject {
    const key = this.#held();
    if (typeof key === 'string')
      throw new NotExercised('the target verifies tokens with a shared secret, not a private key');
    return key;
  }

  /** The shared secret. @throws NotExercised with an asymmetric key */
  get secret(): string {
    const key = this.#held();
    if (typeof key !== 'string')
      throw new NotExercised('the target verifies tokens with a public key, not a shared secret');
    return key;
  }

  /** Header and claims of a valid token of a user, with the changes made. */
  parts(user: string, claims: Changes = {}, header: Changes = {}): TokenParts {
    return partsOf(user, this.config, claims, header);
  }

  /** A token signed with the target's key and algorithm, whatever its header says. */
  mint(user: string, claims: Changes = {}, header: Changes = {}): string {
    const parts = this.parts(user, claims, header);
    const key = this.#key;
    if (key instanceof Mint) return ownHeader(key, header).now(parts.claims, absentOf(claims));
    return assemble(parts, (input) => signWith(this.config.algorithm, key, input));
  }

  /** The same, without holding up everything else where a command mints. */
  mintSoon(user: string, claims: Changes = {}, header: Changes = {}): string | Promise<string> {
    if (!(this.#key instanceof Mint)) return this.mint(user, claims, header);
    const parts = this.parts(user, claims, header);
    return ownHeader(this.#key, header).soon(parts.claims, absentOf(claims));
  }

  #held(): KeyObject | string {
    if (this.#key instanceof Mint)
      throw new NotExercised('a command mints the tokens: the runner has no key to forge one with');
    return this.#key;
  }
}

// The claims that changes take away.
function absentOf(changes: Changes): string[] {
  return Object.keys(changes).filter((name) => changes[name] === undefined);
}

function ownHeader(mint: Mint, header: Changes): Mint {
  if (Object.keys(header).length > 0)
    throw new NotExercised('a command mints the tokens: their header cannot be changed');
  return mint;
}

function partsOf(
  user: string,
  { algorithm, issuer, audience, keyId }: TokenConfig,
  claims: Changes = {},
  header: Changes = {},
): TokenParts {
  const now = Math.floor(Date.now() / 1000);
  return {
    header: merge({ alg: algorithm, typ: 'JWT', kid: keyId }, header),
    claims: merge(
      { sub: user, iat: now, exp: now + LIFETIME_S, iss: issuer, aud: audience },
      claims,
    ),
  };
}

/** Builds a token: both parts as JSON, then what `signer` makes of `header.claims`. */
export function assemble(
  { header, claims }: { header: unknown; claims: unknown },
  signer: (input: string) => Buffer,
): string {
  const input = `${segment(header)}.${segment(claims)}`;
  return `${input}.${signer(input).toString('base64url')}`;
}

/** A segment of a token: JSON of a value, or text and bytes as they are, in base64url. */
export function segment(value: unknown): string {
  const bytes =
    typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
  return Buffer.from(bytes as Uint8Array).toString('base64url');
}

/** HMAC with SHA-256 (or 384, 512) under any key, such as the bytes of a public key. */
export function hmac(key: string | Uint8Array, input: string, bits: 256 | 384 | 512 = 256): Buffer {
  return createHmac(`sha${bits}`, key).update(input).digest();
}

/** Signs with any algorithm of JWA that a forgery may use. */
export function signWith(algorithm: string, key: KeyObject | string, input: string): Buffer {
  const data = Buffer.from(input);
  const bits = Number(algorithm.slice(2));
  if (algorithm.startsWith('HS')) return hmac(key as string, input, bits as 256 | 384 | 512);
  if (algorithm === 'EdDSA') return sign(null, data, key as KeyObject);
  if (algorithm.startsWith('ES'))
    return sign(`sha${bits}`, data, { key: key as KeyObject, dsaEncoding: 'ieee-p1363' });
  if (algorithm.startsWith('PS'))
    return sign(`sha${bits}`, data, {
      key: key as KeyObject,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
  if (algorithm.startsWith('RS')) return sign(`sha${bits}`, data, key as KeyObject);
  throw new Error(`no signature is known for '${algorithm}'`);
}

/** A secret or key pair of an algorithm, for both sides. */
export type FreshToken = TokenConfig & { algorithm: Algorithm; publicKey?: string };

/** A secret or key pair for an algorithm, as a started server gets it; fresh, but for RSA. */
export function freshToken(algorithm: Algorithm): FreshToken {
  if (algorithm === 'HS256') return { algorithm, secret: randomBytes(32).toString('hex') };
  const key = algorithm === 'RS256' ? keyOfStarted() : freshKey(algorithm);
  return {
    algorithm,
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }) as string,
  };
}

/** The key of somebody who may not sign. */
export function strangerKey(algorithm: Exclude<Algorithm, 'HS256'>): KeyObject {
  return algorithm === 'RS256' ? keyOfStranger() : freshKey(algorithm);
}

function freshKey(algorithm: 'ES256' | 'EdDSA'): KeyObject {
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  return pair.privateKey;
}

function readKey({
  algorithm,
  secret,
  privateKey,
}: TokenConfig & { algorithm: Algorithm }): KeyObject | string {
  if (algorithm === 'HS256') {
    if (!secret) throw new UsageError('token: HS256 needs a secret, and none is given');
    return secret;
  }
  if (!privateKey)
    throw new UsageError(`token: ${algorithm} needs a private key, and none is given`);
  let key: KeyObject;
  try {
    key = createPrivateKey(privateKey);
  } catch (error) {
    throw new UsageError(
      `token: the private key is no PEM that can be read: ${(error as Error).message}`,
    );
  }
  const fitting = { RS256: 'rsa', ES256: 'ec', EdDSA: 'ed25519' }[algorithm];
  if (key.asymmetricKeyType !== fitting)
    throw new UsageError(
      `token: ${algorithm} needs a key of type ${fitting}, this one is ${key.asymmetricKeyType}`,
    );
  if (isOfStranger(key))
    throw new UsageError(
      'token: this key is published in RFC 7520, section 3.4; anybody can sign with it, and the suite does: take another',
    );
  return key;
}

function merge(base: Record<string, unknown>, changes: Changes): Record<string, unknown> {
  const merged = { ...base, ...changes };
  for (const [name, value] of Object.entries(merged)) if (value === undefined) delete merged[name];
  return merged;
}
