/** Many histories on all cores: threads take ranges of seeds until there are no more or one fails. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Range, RangeReport } from './batch-thread.ts';

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
  readonly threads?: number;
  readonly progress?: (report: BatchReport) => void;
};

/** Seeds that a thread takes at a time: a failure stops the others after so many at most. */
const rangeSeeds = 25;

export async function runBatch(options: BatchOptions): Promise<BatchReport> {
  const { from, runs, threads = availableParallelism(), progress = () => undefined } = options;
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
  const count = Math.max(1, Math.min(threads, Math.ceil(runs / rangeSeeds)));
  await Promise.all(Array.from({ length: count }, () => runThread(take, add)));
  return report();
}

function runThread(take: () => Range | null, add: (report: RangeReport) => void): Promise<void> {
  const thread = new Worker(new URL('./batch-thread.ts', import.meta.url));
  const done = new Promise<void>((resolve, reject) => {
    const give = () => {
      const range = take();
      if (range === null) resolve();
      else thread.postMessage(range);
    };
    thread.on('message', (report: RangeReport) => {
      add(report);
      give();
    });
    thread.on('error', reject);
    give();
  });
  return done.finally(() => thread.terminate());
}
