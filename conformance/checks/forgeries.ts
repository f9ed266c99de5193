import { createPublicKey, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import { type Check, type CheckOptions, check } from '#conformance/harness/check.js';
import type { VariableName } from '#conformance/harness/contract.js';
import type { Peer } from '#conformance/harness/peer.js';
import { type Instance, lastOutput } from '#conformance/harness/process.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Stage } from '#conformance/harness/stage.js';
import {
  type Algorithm,
  assemble,
  type Changes,
  type Minter,
  signWith,
  strangerKey,
} from '#conformance/harness/tokens.js';
import { closed, decided } from './openings.js';

/** Tokens, each with what it is in words. */
export type Tokens = Readonly<Record<string, string>>;

/** A check that none of these tokens is taken: the connection is closed with 4001 and this reason. */
export function refusedToken(
  rule: RuleId,
  forge: (t: Stage) => Tokens,
  { reason = 'token_invalid', ...options }: CheckOptions & { reason?: string } = {},
): Check {
  return check(
    rule,
    async (t) => {
      for (const [what, token] of Object.entries(forge(t)))
        await closed(t, { token }, 4001, reason, what);
    },
    options,
  );
}

// Within this many milliseconds a server has ended that dies of what it was sent.
const DYING_MS = 500;

/** Makes sure that a started server verifies tokens as the variable `by` told it to. @throws NotExercised where it does not */
export async function takesTokens(
  t: Stage,
  at: Instance,
  minter: Minter,
  by: VariableName = 'PARLOR_TOKEN_ALGORITHM',
): Promise<void> {
  let peer: Peer | undefined;
  const undecided = await t.finds(async () => {
    peer = await t.open({ at, token: minter.mint(t.user('ann')) });
    await decided(peer, 'a valid token is welcomed');
  });
  if (peer?.welcomed) return;
  // Who dies of a token lacks no ability.
  await Promise.race([at.exited, t.pause(DYING_MS)]);
  t.assert(at.running, {
    expected: 'the started server survives a valid token',
    actual: `it ended${lastOutput(at)}`,
  });
  if (undecided) throw undecided;
  t.notExercised(
    `the started server was told ${by}, and does not take tokens of ${minter.config.algorithm}: ${peer?.closed?.detail}`,
  );
}

/** An instance that verifies tokens with a public key, for checks that leave it as it was. */
export const publicKey = {
  variant: 'RS256',
  instance: { PARLOR_TOKEN_ALGORITHM: 'RS256' },
  shared: true,
} as const satisfies CheckOptions;

/** The same check of an instance that verifies tokens with a public key. */
export function byPublicKey({ rule, run }: Check): Check {
  return check(
    rule,
    async (t) => {
      await takesTokens(t, t.instance, t.minter);
      await run(t);
    },
    publicKey,
  );
}

/** The key that the target's tokens are signed with. */
export function rightKey({ minter }: Stage): KeyObject | string {
  return minter.config.algorithm === 'HS256' ? minter.secret : minter.privateKey;
}

/** Header and claims, or anything in their place, signed as the target wants it. */
export function rightlySigned(t: Stage, header: unknown, claims: unknown): string {
  const { algorithm } = t.minter.config;
  return assemble({ header, claims }, (input) => signWith(algorithm, rightKey(t), input));
}

/** A valid token's header and claims under another algorithm and key. */
export function signedBy(
  t: Stage,
  algorithm: string,
  key: KeyObject | string,
  header: Changes = {},
  claims: Changes = {},
): string {
  const parts = t.minter.parts(t.user('mallory'), claims, { alg: algorithm, ...header });
  return assemble(parts, (input) => signWith(algorithm, key, input));
}

/** The key of somebody who may not sign. */
export interface Stranger {
  algorithm: Algorithm;
  key: KeyObject | string;
  /** What verifies his signatures, as a JWK. */
  jwk: JsonWebKey;
}

const strangers = new Map<Algorithm, Stranger>();

/** A key that the target does not know; the same throughout a run. */
export function stranger(algorithm: Algorithm): Stranger {
  const known = strangers.get(algorithm);
  if (known) return known;
  const fresh = newStranger(algorithm);
  strangers.set(algorithm, fresh);
  return fresh;
}

function newStranger(algorithm: Algorithm): Stranger {
  if (algorithm === 'HS256') {
    const key = randomBytes(32).toString('hex');
    return { algorithm, key, jwk: { kty: 'oct', k: Buffer.from(key).toString('base64url') } };
  }
  const key = strangerKey(algorithm);
  return { algorithm, key, jwk: createPublicKey(key).export({ format: 'jwk' }) };
}

/** Strangers whose algorithms a careless server might take: the configured one, and those with public keys. */
export function strangersOf({ minter }: Stage, ...others: readonly Algorithm[]): Stranger[] {
  return [...new Set([minter.config.algorithm, ...others])].map(stranger);
}
