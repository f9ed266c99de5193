import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import { MOST } from './attempts.js';
import { strict } from './servers.js';

async function errs(peer: Peer, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    peer.sendText('{');
    await peer.receives('error');
  }
}

/** The checks of the window that the budget for protocol errors is counted in. */
export const window = [
  // One error opens a window of a naive kind; the rest lie on both sides of its end, and within one that slides.
  check(
    'errors-budget-spent',
    async (t) => {
      const ann = await t.connect('ann');
      const { max_protocol_errors: most, protocol_error_window_ms: window } = ann.announced.limits;
      if (most < 4 || most > MOST)
        return t.notExercised(`${most} protocol errors cannot be made on both sides of a moment`);
      if (window < 500 || window > 60_000)
        return t.notExercised(`\`protocol_error_window_ms\` is ${window}`);
      const begin = performance.now();
      await errs(ann, 1);
      await t.pause(window * 0.7);
      const before = performance.now();
      const half = Math.floor(most / 2);
      await errs(ann, half);
      await t.pause(Math.max(0, begin + window * 1.15 - performance.now()));
      await errs(ann, most - half - 1);
      ann.sendText('{');
      if (performance.now() - before > window * 0.9)
        t.inconclusive('the machine was too slow: the errors do not lie in one window');
      await ann.closes(4000, 'too_many_protocol_errors');
    },
    { ...strict, variant: 'slides', timers: true, takes: () => 1_200 },
  ),
];
