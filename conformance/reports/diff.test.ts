import { describe, expect, it } from 'vitest';
import { changeText, diff } from './diff.js';
import { report } from './fixtures/example.js';
import type { CheckResult, Report } from './report.js';

const [sample] = report.checks as [CheckResult];

function run(verdicts: Record<string, CheckResult['verdict']>): Report {
  const checks = Object.entries(verdicts).map(([check, verdict]) => ({
    ...sample,
    check,
    rule: check,
    verdict,
  }));
  return { ...report, checks, findings: [], not_exercised: [] };
}

describe('diff', () => {
  it('finds nothing where nothing changed', () => {
    expect(diff(report, report)).toEqual({ worse: [], better: [], other: [] });
  });

  it.each([
    ['pass', 'fail', 'worse'],
    ['pass', 'inconclusive', 'worse'],
    ['pass', 'not_exercised', 'worse'],
    ['pass', undefined, 'worse'],
    [undefined, 'fail', 'worse'],
    ['fail', 'pass', 'better'],
    ['inconclusive', 'pass', 'better'],
    [undefined, 'pass', 'better'],
    ['fail', undefined, 'other'],
    ['not_exercised', 'excluded', 'other'],
    ['vacuous', 'inconclusive', 'other'],
  ] as const)('calls %s → %s %s', (before, after, kind) => {
    const found = diff(run(before ? { a: before } : {}), run(after ? { a: after } : {}));
    expect(found[kind].map(({ check }) => check)).toEqual(['a']);
  });

  it('says what changed in words', () => {
    const [change] = diff(run({ a: 'pass' }), run({})).worse;
    expect(change && changeText(change)).toBe('passed → absent');
  });
});
