/** A worker's observer that reports to the metrics of processor/metrics/. */
import type { Metrics } from '../metrics/metrics.ts';
import type { AppliedBatch, FinishedBatch, WorkerObserver } from './observer.ts';

export function metricsObserver(metrics: Metrics): WorkerObserver {
  const { progress, stage } = metrics;
  const worker = metrics.part('worker');
  const cache = metrics.cache('totals');
  const cached = new Map<number, number>();
  return {
    held: (projection, partition, from) => progress.hold(projection, partition, from),
    released: (projection, partition) => {
      progress.release(projection, partition);
      cached.delete(partition);
    },
    rebalanced: (partitions) => {
      worker.rebalances.inc();
      progress.assigned(partitions);
    },
    ended: (projection, partition, endOffset) => progress.end(projection, partition, endOffset),
    applied: (batch) => observeApplied(metrics, batch),
    finished: (batch) => observeFinished(stage, worker, batch),
    deadLettered: (projection) => metrics.deadLetters(projection).inc(),
    letterRetried: (projection, outcome) => metrics.letterRetries(projection, outcome).inc(),
    retried: (operation) => metrics.retries(operation).inc(),
    bytesInFlight: (bytes) => worker.bytesInFlight.set(bytes),
    totalsRead: (hits, misses) => {
      cache.hits.inc(hits);
      cache.misses.inc(misses);
    },
    totalsCached: (partition, entries) => {
      cached.set(partition, entries);
      cache.entries.set(sumOf(cached.values()));
    },
  };
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function observeApplied(metrics: Metrics, batch: AppliedBatch): void {
  const { events, rowsWritten, commitToReadable } = metrics.projection(batch.projection);
  events.inc(batch.events);
  rowsWritten.upsert.inc(batch.rows.upserts);
  rowsWritten.delete.inc(batch.rows.deletes);
  rowsWritten.totals.inc(batch.rows.totals);
  for (const { committedAt } of batch.readable) {
    commitToReadable.observe((batch.acknowledgedAtMs - committedAt) / 1000);
  }
  metrics.progress.advance(batch.projection, batch.partition, batch.reached);
}

function observeFinished(
  stage: Metrics['stage'],
  worker: ReturnType<Metrics['part']>,
  batch: FinishedBatch,
): void {
  worker.batchRecords.observe(batch.records);
  worker.batchSeconds.observe((batch.acknowledgedAtMs - batch.takenAtMs) / 1000);
  const writeSeconds = (batch.acknowledgedAtMs - batch.writeStartedAtMs) / 1000;
  for (const { committedAt, capturedAt, sequencedAtMs } of batch.events) {
    stage.capture.observe((capturedAt - committedAt) / 1000);
    stage.sequence.observe((sequencedAtMs - capturedAt) / 1000);
    stage.project.observe((batch.writeStartedAtMs - sequencedAtMs) / 1000);
    stage.write.observe(writeSeconds);
  }
}
