import type { JudgedRule } from '../judged.js';

/** A broken rule, with the entries of the trace that prove it. */
export interface Violation {
  rule: JudgedRule;
  /** The acceptable outcome, one sentence. */
  expected: string;
  /** What happened instead, one sentence. */
  actual: string;
  /** Indices of the entries that prove it, in order. */
  entries: number[];
  /** What it is about, such as `room:attic` or `event:…`: violations that share a word may share a cause. */
  about: string[];
  /** Whether it rests on something that has not come, so that more patience might mend it. */
  absence: boolean;
}

/** What the rules have found in one trace. */
export class Findings {
  readonly violations: Violation[] = [];
  /** How often each rule had something to decide. */
  readonly seen = new Map<JudgedRule, number>();

  /** Counts situations in which a rule could have been broken. */
  saw(rule: JudgedRule, times = 1): void {
    this.seen.set(rule, (this.seen.get(rule) ?? 0) + times);
  }

  /** Records a violation. */
  add(violation: Omit<Violation, 'absence' | 'about'> & Partial<Violation>): void {
    const entries = [...new Set(violation.entries)]
      .filter((n) => Number.isFinite(n) && n >= 0)
      .sort((a, b) => a - b);
    this.violations.push({ absence: false, about: [], ...violation, entries });
  }
}
