import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { LONG_QUEUE, ofFlood, river } from './floods.js';

// Sends less than a queue to a member that stops reading for a moment.
async function pauses(t: Stage): Promise<void> {
  const [ann, bob] = await t.join('lounge', 'ann', 'bob');
  const { limits, rates } = ann.announced;
  const { pours, size } = river(t, ann);
  const budget = Math.min(
    0.75 * limits.max_queue_bytes,
    (bucketOf({ rates }, 'chat')?.limit ?? 100) * 0.75 * size,
  );
  const texts: string[] = [];
  bob.pause();
  do texts.push(...(await pours()));
  while ((texts.length + 16) * size < budget);
  bob.resume();
  for (const text of texts) await bob.receives('chat', { data: { text } });
  await bob.staysOpen();
}

/** The checks of spec/backpressure.md. */
export const backpressure = [
  ofFlood('backpressure-slow-consumer-closed', 'kept'),
  ofFlood('backpressure-others-unharmed', 'others'),
  ofFlood('backpressure-no-silent-loss', 'loss'),

  check('backpressure-short-pause-tolerated', pauses),
  check('backpressure-short-pause-tolerated', pauses, {
    variant: 'long-queue',
    instance: LONG_QUEUE,
  }),
];
