/** Many histories on all cores: processes take ranges of seeds until there are no more or one fails. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Range, RangeReport } from './batch-process.ts';

export type BatchReport = {
  readonly histories: number;
  readonly steps: number;
  readonly seconds: number;
  readonly counts: ReadonlyMap<string, number>;
  /** The lowest seed that is known to fail. */
  readonly failedSeed: number | null;
};

export type BatchOptions = {
  readonly from: number;
  readonly runs: number;
  readonly processes?: number;
  readonly progress?: (report: BatchReport) => void;
};

/** Seeds that a process takes at a time: a failure stops the others after so many at most. */
const rangeSeeds = 25;

export async function runBatch(options: BatchOptions): Promise<BatchReport> {
  const { from, runs, processes = availableParallelism(), progress = () => undefined } = options;
  const startedMs = performance.now();
  const counts = new Map<string, number>();
  const sum = { histories: 0, steps: 0, failedSeed: null as number | null };
  const report = (): BatchReport => {
    return { ...sum, counts, seconds: (performance.now() - startedMs) / 1000 };
  };
  let next = from;
  const end = from + runs;
  const take = (): Range | null => {
    if (next >= end || sum.failedSeed !== null) return null;
    const range = { from: next, count: Math.min(rangeSeeds, end - next) };
    next += range.count;
    return range;
  };
  const add = (one: RangeReport) => {
    sum.histories += one.histories;
    sum.steps += one.steps;
    for (const [name, times] of one.counts) counts.set(name, (counts.get(name) ?? 0) + times);
    if (one.failedSeed !== null) {
      sum.failedSeed = Math.min(sum.failedSeed ?? one.failedSeed, one.failedSeed);
    }
    progress(report());
  };
  const count = Math.max(1, Math.min(processes, Math.ceil(runs / rangeSeeds)));
  await Promise.all(Array.from({ length: count }, () => runProcess(take, add)));
  return report();
}

/** Ends when there is no more to take. */
function runProcess(take: () => Range | null, add: (report: RangeReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./batch-process.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
    });
    let isDone = false;
    const give = () => {
      const range = take();
      if (range !== null) child.send(range);
      else {
        isDone = true;
        child.disconnect();
      }
    };
    child.on('message', (report: RangeReport) => {
      add(report);
      give();
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (isDone) resolve();
      else reject(new Error(`a process of the simulation ended by itself, with code ${code}`));
    });
    give();
  });
}
