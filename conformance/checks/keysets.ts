import type { Instance } from '#conformance/harness/process.js';
import type { Stage } from '#conformance/harness/stage.js';
import { freshToken, Minter } from '#conformance/harness/tokens.js';
import { takesTokens } from './forgeries.js';
import { Listener } from './listeners.js';

const PATH = '/keys.json';

/** A server that takes its keys from a listener of the check, which drops requests at first. */
export interface KeySet {
  listener: Listener;
  at: Instance;
  /** Signs with the one key of the set. */
  minter: Minter;
  /** Makes sure that the server reads the set. @throws NotExercised where it does not */
  takes: () => Promise<void>;
}

/** Runs `use` with a started server that takes its keys from a listener. */
export function withKeySet(t: Stage, use: (set: KeySet) => Promise<void>): Promise<void> {
  return Listener.during(t, 'drop', async (listener) => {
    const { issuer, audience } = t.minter.config;
    const minter = new Minter({
      ...freshToken('ES256'),
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
      keyId: 'key-1',
    });
    const jwk = minter.publicKey.export({ format: 'jwk' });
    listener.bodies[PATH] = JSON.stringify({
      keys: [{ ...jwk, kid: 'key-1', alg: 'ES256', use: 'sig' }],
    });
    const at = await t.launch({
      PARLOR_TOKEN_ALGORITHM: 'ES256',
      PARLOR_TOKEN_JWKS_URL: listener.url(PATH),
      PARLOR_TOKEN_SECRET: undefined,
      PARLOR_TOKEN_PUBLIC_KEY: undefined,
    });
    await use({
      listener,
      at,
      minter,
      takes: () => takesTokens(t, at, minter, 'PARLOR_TOKEN_JWKS_URL'),
    });
  });
}
