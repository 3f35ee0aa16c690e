/**
 * Adds up what the steps of `make test` report. A step that failed without a failed test (a type error,
 * a file that does not load, a run in which nothing ran) counts as one failure, so that the last line
 * never says "0 failed" about a run that failed.
 */

export type StepResult = {
  readonly name: string;
  readonly exitCode: number;
  /** Null for a step that is no test run. */
  readonly counts: TestCounts | null;
  readonly seconds: number;
};

export type TestCounts = { readonly passed: number; readonly failed: number };

export type Summary = TestCounts & { readonly exitCode: 0 | 1 };

/** Reads vitest's JSON report; null when it is not one, as after a crash. */
export function countsOfReport(text: string): TestCounts | null {
  try {
    const report = JSON.parse(text) as { numPassedTests?: unknown; numFailedTests?: unknown };
    const { numPassedTests: passed, numFailedTests: failed } = report;
    return typeof passed === 'number' && typeof failed === 'number' ? { passed, failed } : null;
  } catch {
    return null;
  }
}

export function failuresOf(step: StepResult): number {
  const failed = step.counts?.failed ?? 0;
  return failed === 0 && step.exitCode !== 0 ? 1 : failed;
}

export function summarise(steps: readonly StepResult[]): Summary {
  const passed = steps.reduce((sum, step) => sum + (step.counts?.passed ?? 0), 0);
  const failed = steps.reduce((sum, step) => sum + failuresOf(step), 0);
  return { passed, failed, exitCode: failed === 0 && passed > 0 ? 0 : 1 };
}

/** The line that ends the run, for people and for programs that read it. */
export function closingLine(summary: TestCounts): string {
  return `${summary.passed} passed, ${summary.failed} failed`;
}
