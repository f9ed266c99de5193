import type { Reporter, TestCase } from 'vitest/node';

/** Ends a run with the plain line `N passed, N failed, N skipped`, which any CI can read. */
export default class ClosingLine implements Reporter {
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state !== 'pending') this.#counts[state] += 1;
  }

  onTestRunEnd(_modules: unknown, errors: ReadonlyArray<unknown>): void {
    const { passed, failed, skipped } = this.#counts;
    process.stdout.write(
      `${passed} passed, ${failed + errors.length} failed, ${skipped} skipped\n`,
    );
  }
}
