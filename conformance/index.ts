import { checks } from './checks/index.js';
import type { RunEnd } from './harness/events.js';
import { type RunOptions, runConformance as run } from './harness/run.js';
import type { Target } from './harness/target.js';

/** Tests a target with all checks, or with those of `options.checks`; never throws because of what a target does. */
export function runConformance(target: Target, options: Partial<RunOptions> = {}): Promise<RunEnd> {
  return run(target, { checks, ...options });
}
