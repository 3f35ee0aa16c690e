/** Records that are fetched and not yet folded, and how many of them make the next batch. Pure. */
import type { LogRecord } from '../kafka/log.ts';
import type { SequencerSettings } from './settings.ts';

export type Queued = { readonly record: LogRecord; readonly bytes: number };

export function queuedOf(record: LogRecord): Queued {
  const { key, value } = record;
  return { record, bytes: (value?.length ?? 0) + (key?.length ?? 0) + 100 };
}

export function bytesOf(queue: readonly Queued[]): number {
  return queue.reduce((sum, one) => sum + one.bytes, 0);
}

/** At least one, if there is any: one that is larger than a batch passes alone. */
export function countOfBatch(
  queue: readonly Queued[],
  { batchRecordsMax, batchBytesMax }: SequencerSettings,
): number {
  let count = 0;
  let bytes = 0;
  for (const next of queue) {
    if (count > 0 && (count === batchRecordsMax || bytes + next.bytes > batchBytesMax)) break;
    count += 1;
    bytes += next.bytes;
  }
  return count;
}
