import { describe, expect, test } from 'vitest';
import { closingLine, countsOfReport, type StepResult, summarise } from './test-summary.ts';

function step(exitCode: number, passed: number | null, failed = 0): StepResult {
  return { name: 's', exitCode, counts: passed === null ? null : { passed, failed }, seconds: 1 };
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
    expect(countsOfReport('{"numPassedTests":3,"numFailedTests":1}')).toEqual({
      passed: 3,
      failed: 1,
    });
    expect(countsOfReport('{}')).toBeNull();
    expect(countsOfReport('not json')).toBeNull();
  });
});
