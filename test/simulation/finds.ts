/**
 * Former finds: histories that broke a promise in the code as it was, shrunk, with a sentence what
 * each was. They are run again with every test run, under many schedules, since the order of steps
 * changes with the code.
 */
import type { Plan } from './plan.ts';

export type Find = {
  readonly name: string;
  /** What was wrong, and what mended it. */
  readonly what: string;
  readonly plan: Plan;
};

export const findings: readonly Find[] = [];
