/**
 * How segments of one container become statements and batches (state-store.ts): as many whole
 * segments in a batch as fit, each with its position; one that does not fit by itself is cut, its
 * rows first and its position with the last of them, never fewer than the fold relies on. Pure.
 */
import { segmentTailRows } from '../conversation/limits.ts';
import type { StateRow } from '../sequencer/state-store.ts';
import type { Position } from '../source/position.ts';
import { type BatchLimits, bytesOf, cutBatches } from './batches.ts';
import type { StateStatements, StoredText } from './state-statements.ts';
import type { Statement } from './statements.ts';

export type PlannedSegment = {
  readonly position: Position;
  readonly rows: readonly { readonly row: StateRow; readonly text: StoredText }[];
};

export function segmentStatements(
  statements: StateStatements,
  container: string,
  { position, rows }: PlannedSegment,
  ttlSeconds: number,
): readonly Statement[] {
  return [
    ...rows.map(({ row, text }) =>
      row.expires
        ? statements.upsertExpiringRow(container, row, text, position, ttlSeconds)
        : statements.upsertRow(container, row, text, position),
    ),
    statements.setPosition(container, position),
  ];
}

/** To be written one after the other. The last statement of each segment is its position. */
export function batchesOf(
  segments: readonly (readonly Statement[])[],
  limits: BatchLimits,
): readonly (readonly Statement[])[] {
  const batches: (readonly Statement[])[] = [];
  let batch: Statement[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (batch.length > 0) batches.push(batch);
    batch = [];
    bytes = 0;
  };
  for (const segment of segments) {
    const size = segment.reduce((sum, statement) => sum + bytesOf(statement), 0);
    const fits = size <= limits.batchBytesMax && segment.length <= limits.batchRowsMax;
    if (
      bytes + size > limits.batchBytesMax ||
      batch.length + segment.length > limits.batchRowsMax
    ) {
      flush();
    }
    if (fits) {
      batch.push(...segment);
      bytes += size;
    } else {
      batches.push(...cutOversized(segment, limits));
    }
  }
  flush();
  return batches;
}

/**
 * From its end: with the position go the rows that must (`segmentTailRows`), and as many more as
 * the batch takes; the others before, in order.
 */
function cutOversized(
  segment: readonly Statement[],
  limits: BatchLimits,
): readonly (readonly Statement[])[] {
  let first = segment.length;
  let bytes = 0;
  for (const statement of segment.toReversed()) {
    const size = bytesOf(statement);
    const taken = segment.length - first;
    const isFull = taken >= limits.batchRowsMax || bytes + size > limits.batchBytesMax;
    if (taken > segmentTailRows && isFull) break;
    first -= 1;
    bytes += size;
  }
  return [...cutBatches([segment.slice(0, first)], limits), segment.slice(first)];
}
