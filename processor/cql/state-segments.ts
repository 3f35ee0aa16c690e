/**
 * How segments of one container become statements and batches (state-store.ts): as many whole
 * segments in a batch as fit, with the last one's position and the tail of them all; one that does not
 * fit by itself is cut, its rows first and its position with the last of them, never fewer than the
 * fold relies on. Pure.
 */
import { segmentTailRows } from '../conversation/limits.ts';
import type { StateRow } from '../sequencer/state-store.ts';
import type { Position } from '../source/position.ts';
import { type BatchLimits, bytesOf, cutBatches } from './batches.ts';
import type { StateStatements, StoredText } from './state-statements.ts';
import { groupOf, markOf, tailText } from './state-tail.ts';
import type { Statement } from './statements.ts';

export type PlannedSegment = {
  readonly position: Position;
  readonly rows: readonly { readonly row: StateRow; readonly text: StoredText }[];
};

/** One segment's rows, each with its mark in the tail (state-tail.ts). */
export type SegmentStatements = {
  readonly position: Position;
  readonly rows: readonly { readonly statement: Statement; readonly mark: string }[];
};

/** Makes the statement that ends a batch: the position and the tail of what it ends. */
export type EndBatch = (position: Position, tail: string) => Statement;

export function segmentStatements(
  statements: StateStatements,
  container: string,
  { position, rows }: PlannedSegment,
  ttlSeconds: number,
): SegmentStatements {
  return {
    position,
    rows: rows.map(({ row, text }) => ({
      statement: row.expires
        ? statements.upsertExpiringRow(container, row, text, position, ttlSeconds)
        : statements.upsertRow(container, row, text, position),
      mark: markOf(row),
    })),
  };
}

/** To be written one after the other. The last statement of a batch that ends segments is the position. */
export function batchesOf(
  segments: readonly SegmentStatements[],
  end: EndBatch,
  limits: BatchLimits,
): readonly (readonly Statement[])[] {
  const batches: (readonly Statement[])[] = [];
  const endBytes = bytesOf(end(0 as Position, tailText([])));
  let statements: Statement[] = [];
  let groups: string[] = [];
  let position = 0 as Position;
  let bytes = endBytes;
  const flush = (): void => {
    if (groups.length > 0) batches.push([...statements, end(position, tailText(groups))]);
    statements = [];
    groups = [];
    bytes = endBytes;
  };
  for (const segment of segments) {
    const { rows } = segment;
    const group = groupOf(
      segment.position,
      rows.map(({ mark }) => mark),
    );
    const size = rows.reduce((sum, { statement }) => sum + bytesOf(statement), sizeOf(group));
    const hasRoom = (usedBytes: number, usedRows: number): boolean =>
      usedBytes + size <= limits.batchBytesMax && usedRows + rows.length + 1 <= limits.batchRowsMax;
    if (!hasRoom(bytes, statements.length)) flush();
    if (!hasRoom(endBytes, 0)) {
      batches.push(...cutOversized(segment, end, endBytes, limits));
      continue;
    }
    for (const { statement } of rows) statements.push(statement);
    groups.push(group);
    position = segment.position;
    bytes += size;
  }
  flush();
  return batches;
}

/**
 * From its end: with the position go the rows that must (`segmentTailRows`), and as many more as
 * the batch takes; the others before, in order.
 */
function cutOversized(
  { position, rows }: SegmentStatements,
  end: EndBatch,
  endBytes: number,
  limits: BatchLimits,
): readonly (readonly Statement[])[] {
  let first = rows.length;
  let bytes = endBytes + sizeOf(groupOf(position, []));
  for (const { statement, mark } of rows.toReversed()) {
    const size = bytesOf(statement) + sizeOf(mark);
    const taken = rows.length - first;
    const isFull = taken + 1 >= limits.batchRowsMax || bytes + size > limits.batchBytesMax;
    if (taken >= segmentTailRows && isFull) break;
    first -= 1;
    bytes += size;
  }
  const before = rows.slice(0, first).map(({ statement }) => statement);
  const last = rows.slice(first);
  const tail = tailText([
    groupOf(
      position,
      last.map(({ mark }) => mark),
    ),
  ]);
  return [
    ...cutBatches([before], limits),
    [...last.map(({ statement }) => statement), end(position, tail)],
  ];
}

/** In the tail, with a comma. */
function sizeOf(text: string): number {
  return Buffer.byteLength(text) + 1;
}
