import { describe, expect, test } from 'vitest';
import {
  closingLine,
  failureLines,
  notRunLines,
  readReport,
  type StepResult,
  summarise,
} from './test-summary.ts';

function step(exitCode: number, passed: number | null, failed = 0): StepResult {
  const counts = passed === null ? null : { passed, failed };
  return { name: 's', exitCode, counts, failures: [], notRun: [], seconds: 1 };
}

describe('the sum of all test runs', () => {
  test('passed and failed tests add up over the runs', () => {
    const summary = summarise([step(0, null), step(0, 10), step(1, 5, 2)]);
    expect(closingLine(summary)).toBe('15 passed, 2 failed');
    expect(summary.exitCode).toBe(1);
  });

  test('a step that fails without a failed test counts as one failure', () => {
    expect(summarise([step(2, null), step(0, 10)])).toEqual({ passed: 10, failed: 1, exitCode: 1 });
    expect(summarise([step(1, 10)])).toEqual({ passed: 10, failed: 1, exitCode: 1 });
  });

  test('a run in which nothing ran has failed', () => {
    expect(summarise([step(0, 0)]).exitCode).toBe(1);
    expect(summarise([]).exitCode).toBe(1);
  });

  test('a report that is no report counts nothing', () => {
    expect(readReport('{}')).toBeNull();
    expect(readReport('not json')).toBeNull();
  });

  test('each failed test is named at the end, with its file and the first line of its error', () => {
    const read = readReport(
      JSON.stringify({
        numPassedTests: 3,
        numFailedTests: 1,
        testResults: [
          {
            name: '/here/a.test.ts',
            status: 'failed',
            message: '',
            assertionResults: [
              { fullName: 'it holds', status: 'passed', duration: 3, failureMessages: [] },
              {
                fullName: 'it ends',
                status: 'failed',
                duration: 1500,
                failureMessages: ['Error: late\n    at x'],
              },
            ],
          },
          { name: '/here/b.test.ts', status: 'failed', message: 'no c.ts', assertionResults: [] },
        ],
      }),
    );
    expect(read?.counts).toEqual({ passed: 3, failed: 1 });
    const failed: StepResult = { ...step(1, 3, 1), failures: read?.failures ?? [] };
    expect(failureLines([failed], '/here')).toEqual([
      '✗ a.test.ts: it ends (1.5 s): Error: late',
      '✗ b.test.ts: could not be run: no c.ts',
    ]);
    const many = { ...failed, failures: Array.from({ length: 12 }, () => failed.failures).flat() };
    expect(failureLines([many], '/here')).toHaveLength(11);
    expect(failureLines([many], '/here').at(-1)).toBe('… and 14 more');
  });

  test('what did not run is named, and counts as nothing', () => {
    const read = readReport(
      JSON.stringify({
        numPassedTests: 1,
        numFailedTests: 0,
        testResults: [
          {
            name: '/here/a.test.ts',
            status: 'passed',
            assertionResults: [
              { fullName: 'it holds', status: 'passed' },
              { fullName: 'it needs a tool', status: 'skipped' },
            ],
          },
        ],
      }),
    );
    const done = { ...step(0, 1), notRun: read?.notRun ?? [] };
    expect(summarise([done])).toEqual({ passed: 1, failed: 0, exitCode: 0 });
    expect(notRunLines([done])).toEqual([
      '1 did not run; the log above says why:',
      '- it needs a tool',
    ]);
    expect(notRunLines([step(0, 1)])).toEqual([]);
  });
});
