import type { Failure } from './events.js';

/** What a violation says: the acceptable outcomes, what happened, and the cure where it is known. */
export interface Explanation {
  /** The acceptable outcomes, one sentence each. */
  expected: string | readonly string[];
  /** What happened instead. */
  actual: string;
  /** The likely cause and its cure. */
  hint?: string | undefined;
}

/** A broken rule: the target's fault, never ours. */
export class Violation extends Error {
  readonly expected: readonly string[];
  readonly actual: string;
  readonly hint: string | undefined;
  /** Violations with the same root share this word: the first is the cause, the rest follow from it. */
  readonly root: string | undefined;
  /** What else the report is to show, such as the smallest conversation that fails. */
  detail: Partial<Omit<Failure, 'rule'>> = {};

  constructor({ expected, actual, hint }: Explanation, root?: string) {
    super(actual);
    this.name = 'Violation';
    this.expected = typeof expected === 'string' ? [expected] : expected;
    this.actual = actual;
    this.hint = hint;
    this.root = root;
  }
}

/** The machine was too noisy, or the target too shaky, to tell right from wrong. */
export class Inconclusive extends Error {
  override readonly name = 'Inconclusive';
}

/** The situation that the rule speaks of never came about. */
export class Vacuous extends Error {
  override readonly name = 'Vacuous';
}

/** The target lacks what the check needs. */
export class NotExercised extends Error {
  override readonly name: string = 'NotExercised';
}

/** What the check needs did not show: the target lacks it, unless the machine was too busy to see it. */
export class NotSeen extends NotExercised {
  override readonly name = 'NotSeen';
}

/** The target cannot be reached, started or used at all: exit code 4, before any check. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** What the runner was asked to do makes no sense: exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}
