import type { Stage } from '#conformance/harness/stage.js';

/** Runs `use` while the broker is stopped: for one instance, where `input` names its url. */
export async function withoutBroker<T>(
  t: Stage,
  input: { url?: string | undefined },
  use: () => Promise<T>,
): Promise<T> {
  await t.control('broker.stop', input);
  return t.during(use, () => t.control('broker.start', input));
}
