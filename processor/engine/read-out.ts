/**
 * Reading a whole read model back, for tests, the demonstration and comparisons; screens never do
 * that. Both forms of the store give it: processor/cql/read.ts and memory-store.ts.
 */
import type { Cell } from '../projection/columns.ts';
import type { Key } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';

/** A row of a map, cells in the order of the shape's columns. */
export type StoredRow = { readonly key: Key; readonly values: readonly Cell[] };

/** A row of an aggregate, zeros included. */
export type StoredTotalsRow = {
  readonly key: Key;
  readonly shard: number;
  readonly totals: readonly number[];
  readonly position: Position;
};

/** Cell by cell: numbers by value, texts by UTF-8 bytes as CQL sorts them, false before true. */
export function compareKeys(left: Key, right: Key): number {
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const order = compareCells(left[at] ?? null, right[at] ?? null);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareCells(left: Cell, right: Cell): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  if (typeof left === 'string' && typeof right === 'string') return compareTexts(left, right);
  return left < right ? -1 : 1;
}

/** The order of the texts' UTF-8 bytes, which differs from `<` beyond the basic plane. */
export function compareTexts(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
