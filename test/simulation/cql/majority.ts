/**
 * What a majority of the replicas holds, for checks: a write that reached a minority becomes durable by
 * the repair of whoever reads it, without a write.
 */
import { type Copy, type Row, rowDeletedAt } from './copy.ts';
import type { Column, Partition, Table } from './table.ts';
import { int64, typeRules } from './types.ts';
import type { PlainCells } from './write.ts';

/** The newest timestamp of the row that a majority holds; -1 for none. */
export function rowAtMajority(table: Table, key: PlainCells): number {
  const partition = partitionOf(table, key);
  if (partition === undefined) return -1;
  const isIt = (row: Row) => isNamed(table.clustering, row.key, key);
  return atMajority(
    partition.copies.map((copy) => {
      const row = copy.sorted.find(isIt);
      return row === undefined ? -1 : timeOf(copy, row);
    }),
  );
}

/**
 * Up to which value of the static column (a position) the partition is whole on a majority: the column
 * itself, and every row with a timestamp at or below it.
 */
export function wholeUpTo(table: Table, key: PlainCells, column: string): number {
  const partition = partitionOf(table, key);
  const at = table.statics.findIndex(({ name }) => name === column);
  if (partition === undefined || at < 0) return -1;
  const { copies } = partition;
  let position = atMajority(
    copies.map(({ statics }) => {
      const value = statics[at]?.value;
      return value ? int64(value) : -1;
    }),
  );
  for (const name of new Set(copies.flatMap(({ rows }) => [...rows.keys()]))) {
    const times = copies.map((copy) => {
      const row = copy.rows.get(name);
      return row === undefined ? -1 : timeOf(copy, row);
    });
    const newest = Math.max(...times);
    if (newest <= position && atMajority(times) < newest) position = newest - 1;
  }
  return position;
}

function atMajority(times: readonly number[]): number {
  const majority = Math.floor(times.length / 2) + 1;
  return [...times].sort((a, b) => b - a)[majority - 1] ?? -1;
}

function timeOf(copy: Copy, row: Row): number {
  let at = Math.max(row.markedAt, rowDeletedAt(copy, row));
  for (const cell of row.cells) if (cell !== undefined && cell.at > at) at = cell.at;
  return at;
}

function partitionOf(table: Table, key: PlainCells): Partition | undefined {
  for (const partition of table.partitions.values()) {
    if (isNamed(table.partition, partition.key, key)) return partition;
  }
  return undefined;
}

function isNamed(columns: readonly Column[], cells: readonly Buffer[], key: PlainCells): boolean {
  return columns.every((column, at) => {
    const cell = cells[at];
    return cell !== undefined && typeRules[column.type].plain(cell) === key[column.name];
  });
}
