import { randomBytes } from 'node:crypto';
import type { Stage } from '#conformance/harness/stage.js';
import { Inconclusive } from '#conformance/harness/verdict.js';
import type { Expiry } from '#conformance/harness/watchdog.js';
import type { Scene } from './campaign.js';
import { Sockets } from './sockets.js';
import type { Announced } from './trace.js';

/** Patience of the runs that only help to make a failure small, in milliseconds without anything new. */
const QUICK_MS = 250;

/** Where conversations with the target of a run take place: with all patience, and with little. */
export function scenes(stage: Stage, announced: Announced): { scene: Scene; quick: Scene } {
  const { urls, minter, enter } = stage;
  const endpoint = { urls, minter, announced, enter };
  const nonce = `v${randomBytes(3).toString('hex')}x`;
  const patient = new Sockets({ ...endpoint, watch: (expire) => watch(stage, expire) });
  const hasty = new Sockets({ ...endpoint, watch: soon });
  return {
    scene: { network: patient, announced, nonce },
    quick: { network: hasty, announced, nonce: `${nonce}q` },
  };
}

// The stage is asked to be patient with a promise; what ends that patience ends our wait.
function watch(stage: Stage, expire: (why: Expiry) => void): () => void {
  let stop = () => {};
  const waiting = new Promise<void>((resolve) => {
    stop = resolve;
  });
  stage
    .within(waiting, { expected: 'progress', actual: 'nothing came' })
    .catch((error: unknown) => expire(error instanceof Inconclusive ? 'noise' : 'silence'));
  return stop;
}

function soon(expire: (why: Expiry) => void): () => void {
  const timer = setTimeout(() => expire('silence'), QUICK_MS);
  return () => clearTimeout(timer);
}
