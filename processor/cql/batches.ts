/**
 * Cuts statements into unlogged batches. All statements of a batch concern one CQL partition, and
 * a batch stays below a size that Cassandra (50 KiB) and ScyllaDB take; a statement that is larger
 * by itself goes alone, not as a batch. Pure.
 */
import type { Statement } from './statements.ts';

export type BatchLimits = {
  /** Estimated; to be kept below 40 KiB. */
  readonly batchBytesMax: number;
  readonly batchRowsMax: number;
};

export const batchDefaults: BatchLimits = { batchBytesMax: 30 * 1024, batchRowsMax: 100 };

/** A cell's own overhead in a mutation, a row's beside its cells. */
const cellOverheadBytes = 8;
const rowOverheadBytes = 24;

export function bytesOf({ params }: Statement): number {
  let bytes = rowOverheadBytes;
  for (const param of params) bytes += cellOverheadBytes + (param?.length ?? 0);
  return bytes;
}

/**
 * `groups`: the statements of each CQL partition. Their order within a partition is kept. A statement is
 * taken when its batch is asked for, so those of many batches need not be in memory at once.
 */
export function* cutBatches(
  groups: Iterable<Iterable<Statement>>,
  { batchBytesMax, batchRowsMax }: BatchLimits,
): Generator<readonly Statement[], void, undefined> {
  for (const group of groups) {
    let batch: Statement[] = [];
    let bytes = 0;
    for (const statement of group) {
      const size = bytesOf(statement);
      if (batch.length > 0 && (bytes + size > batchBytesMax || batch.length >= batchRowsMax)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(statement);
      bytes += size;
    }
    if (batch.length > 0) yield batch;
  }
}
