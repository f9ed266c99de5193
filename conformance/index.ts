import { checks } from './checks/index.js';
import type { RunEnd } from './harness/events.js';
import { type RunOptions, runConformance as run } from './harness/run.js';
import type { Target } from './harness/target.js';

/** Tests a target with all checks, or with those of `options.checks`; never throws because of what a target does. */
export function runConformance(target: Target, options: Partial<RunOptions> = {}): Promise<RunEnd> {
  return run(target, { checks, ...options });
}

export { checks } from './checks/index.js';
export { type Check, type CheckOptions, check, type Need } from './harness/check.js';
export { contract, type Env, type Overrides, type VariableName } from './harness/contract.js';
export type { ControlCommand } from './harness/control.js';
export type {
  CheckEnd,
  CheckStart,
  ExitCode,
  Failure,
  Finding,
  Note,
  Reporter,
  RunEnd,
  RunEvent,
  RunStart,
  TimelineEntry,
  Totals,
  Verdict,
} from './harness/events.js';
export type { KnownFailure } from './harness/outcome.js';
export type { Peer } from './harness/peer.js';
export type { Instance, Launcher, StartOptions } from './harness/process.js';
export { type Requirement, type RuleId, requirements } from './harness/requirements.js';
export type { RunOptions } from './harness/run.js';
export type { Stage } from './harness/stage.js';
export type { Target } from './harness/target.js';
export type { Algorithm, TokenConfig } from './harness/tokens.js';
export { type ConformanceTest, conformanceTests } from './tests.js';
