import {
  type Explanation,
  Inconclusive,
  NotExercised,
  NotSeen,
  Vacuous,
  Violation,
} from './verdict.js';

/** The ways in which a check says what it found. All are bound. */
export class Assertions {
  /** The rule is broken. */
  readonly fail = (explanation: Explanation): never => {
    throw new Violation(explanation);
  };

  /** The rule is broken unless the condition holds. */
  readonly assert = (condition: unknown, explanation: Explanation): void => {
    if (!condition) throw new Violation(explanation);
  };

  /** The rule is broken unless both are equal as JSON. */
  readonly equal = (actual: unknown, expected: unknown, what: string): void => {
    if (canonical(actual) === canonical(expected)) return;
    throw new Violation({
      expected: `${what} is ${canonical(expected)}`,
      actual: `${what} is ${canonical(actual)}`,
    });
  };

  /** The situation never came about. */
  readonly vacuous = (reason: string): never => {
    throw new Vacuous(reason);
  };

  /** The target lacks what this needs. */
  readonly notExercised = (reason: string): never => {
    throw new NotExercised(reason);
  };

  /** What this needs did not show. On a busy machine that proves nothing, and the check is inconclusive. */
  readonly notSeen = (reason: string): never => {
    throw new NotSeen(reason);
  };

  /** What a check only builds on, and other rules judge: where it is missing, it did not show. */
  readonly seen = async <T>(what: Promise<T>, reason: string): Promise<T> => {
    try {
      return await what;
    } catch (error) {
      if (error instanceof Violation) return this.notSeen(reason);
      throw error;
    }
  };

  /** It cannot be told. */
  readonly inconclusive = (reason: string): never => {
    throw new Inconclusive(reason);
  };
}

// JSON with sorted members, so that equal values have equal texts.
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, each: unknown) =>
      typeof each === 'object' && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
        : each,
    ) ?? 'undefined'
  );
}
