/**
 * A process of `npm run sim`: runs the histories of the seeds that it is given, one after the other,
 * and reports each range. It stops at the first history that fails.
 */
import { runHistory } from './history.ts';
import { drawPlan } from './plan.ts';

export type Range = { readonly from: number; readonly count: number };

export type RangeReport = {
  readonly histories: number;
  readonly steps: number;
  readonly counts: readonly (readonly [string, number])[];
  readonly failedSeed: number | null;
};

process.on('message', (range: Range) => {
  runRange(range).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      throw error;
    },
  );
});

async function runRange({ from, count }: Range): Promise<RangeReport> {
  const counts = new Map<string, number>();
  let steps = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await runHistory(drawPlan(seed));
    steps += outcome.steps;
    for (const [name, times] of outcome.counts) counts.set(name, (counts.get(name) ?? 0) + times);
    if (outcome.violation !== null) {
      return { histories: seed - from + 1, steps, counts: [...counts], failedSeed: seed };
    }
  }
  return { histories: count, steps, counts: [...counts], failedSeed: null };
}
