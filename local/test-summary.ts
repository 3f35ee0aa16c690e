/**
 * Adds up what the steps of `make test` report. A step that failed without a failed test (a type error,
 * a file that does not load, a run in which nothing ran) counts as one failure, so that the last line
 * never says "0 failed" about a run that failed.
 */

import { z } from 'zod';

export type StepResult = {
  readonly name: string;
  readonly exitCode: number;
  /** Null for a step that is no test run. */
  readonly counts: TestCounts | null;
  readonly seconds: number;
  readonly failures: readonly FailedTest[];
  /** Tests that said that they can't run here; they count as nothing. */
  readonly notRun: readonly string[];
};

/** A test that failed, or a file that could not be run: then its name is empty. */
export type FailedTest = {
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  /** The first line of what it said. */
  readonly message: string;
};

export type TestCounts = { readonly passed: number; readonly failed: number };

export type Summary = TestCounts & { readonly exitCode: 0 | 1 };

/** A log that keeps only the end of a run must still say what failed. */
const failuresShownMax = 10;
/** The others often follow from the first. */
const firstFailureCharsMax = 900;
const failureCharsMax = 120;

const testSchema = z.object({
  fullName: z.string(),
  status: z.string(),
  duration: z.number().nullish(),
  failureMessages: z.array(z.string()).nullish(),
});

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().nullish(),
      assertionResults: z.array(testSchema),
    }),
  ),
});

/** Reads vitest's JSON report; null when it is not one, as after a crash. */
export function readReport(
  text: string,
): (Pick<StepResult, 'failures' | 'notRun'> & { readonly counts: TestCounts }) | null {
  const read = z.preprocess(parsedOrNull, reportSchema).safeParse(text);
  if (!read.success) return null;
  const { numPassedTests: passed, numFailedTests: failed, testResults } = read.data;
  const failures = testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const tests = assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => ({
        file,
        name: test.fullName,
        seconds: (test.duration ?? 0) / 1000,
        message: firstLine(test.failureMessages?.[0] ?? ''),
      }));
    const ofFile = { file, name: '', seconds: 0, message: firstLine(message ?? '') };
    return status === 'failed' && tests.length === 0 ? [ofFile] : tests;
  });
  const notRun = testResults.flatMap(({ assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => fullName),
  );
  return { counts: { passed, failed }, failures, notRun };
}

function parsedOrNull(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** A line for each failed test, at most as many as a person reads. */
export function failureLines(steps: readonly StepResult[], root: string): readonly string[] {
  const failures = steps.flatMap((step) => step.failures);
  const lines = failures.slice(0, failuresShownMax).map((failure, index) => {
    const { file, name, seconds, message } = failure;
    const charsMax = index === 0 ? firstFailureCharsMax : failureCharsMax;
    const where = file.startsWith(root) ? file.slice(root.length).replace(/^\//, '') : file;
    const what = name === '' ? 'could not be run' : `${name} (${seconds.toFixed(1)} s)`;
    return `✗ ${where}: ${what}: ${message}`.slice(0, charsMax);
  });
  const more = failures.length - lines.length;
  return more > 0 ? [...lines, `… and ${more} more`] : lines;
}

/** Nobody is to take for tested what was left out. */
export function notRunLines(steps: readonly StepResult[]): readonly string[] {
  const all = steps.flatMap((step) => step.notRun);
  if (all.length === 0) return [];
  const shown = all.slice(0, failuresShownMax).map((name) => `- ${name}`);
  const more = all.length - shown.length;
  const rest = more > 0 ? [`… and ${more} more`] : [];
  return [`${all.length} did not run; the log above says why:`, ...shown, ...rest];
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
