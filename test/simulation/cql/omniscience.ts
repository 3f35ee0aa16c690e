/** Reads for checks, of all replicas at once and without a step. */
import { isLive, partitionDeletedAt, rowDeletedAt, shows } from './copy.ts';
import { mergeOf } from './repair.ts';
import { valueIn } from './selection.ts';
import { type Column, type Partition, partitionsByToken, type Table } from './table.ts';
import { typeRules } from './types.ts';
import type { PlainCells } from './write.ts';

export type PlainRow = {
  readonly key: PlainCells;
  readonly values: PlainCells;
  readonly statics: PlainCells;
  /** The newest timestamp in it: of its marker and its cells. */
  readonly at: number;
};

/** The static columns of a CQL partition that has any, whether or not it has rows. */
export type PlainStatics = {
  readonly key: PlainCells;
  readonly values: PlainCells;
  readonly at: number;
};

/** What a reader of all replicas would see, in token order. */
export function plainRows(table: Table): readonly PlainRow[] {
  const keys = [...table.partition, ...table.clustering];
  return partitionsByToken(table).flatMap((partition) => {
    const copy = copyOf(partition);
    return copy.sorted.flatMap((row) => {
      const deletedAt = rowDeletedAt(copy, row);
      if (!shows(row, deletedAt)) return [];
      const plain = (columns: readonly Column[]) =>
        plainCells(columns, (column) => valueIn(column, partition, copy, row, deletedAt));
      let at = row.markedAt;
      for (const cell of row.cells) if (cell !== undefined && cell.at > at) at = cell.at;
      const statics = plain(table.statics);
      return [{ key: plain(keys), values: plain(table.regulars), statics, at }];
    });
  });
}

export function plainStatics(table: Table): readonly PlainStatics[] {
  if (table.statics.length === 0) return [];
  return partitionsByToken(table).flatMap((partition) => {
    const copy = copyOf(partition);
    const deletedAt = partitionDeletedAt(copy);
    const live = copy.statics.flatMap((cell) =>
      cell !== undefined && isLive(cell, deletedAt) ? [cell.at] : [],
    );
    if (live.length === 0) return [];
    const plain = (columns: readonly Column[]) =>
      plainCells(columns, (column) => valueIn(column, partition, copy, null, deletedAt));
    return [{ key: plain(table.partition), values: plain(table.statics), at: Math.max(...live) }];
  });
}

function copyOf({ copies, uneven }: Partition) {
  const [first] = copies;
  return first !== undefined && uneven === 0 ? first : mergeOf(copies, null);
}

function plainCells(
  columns: readonly Column[],
  readValue: (column: Column) => Buffer | null,
): PlainCells {
  return Object.fromEntries(
    columns.map((column) => {
      const value = readValue(column);
      return [column.name, value === null ? null : typeRules[column.type].plain(value)];
    }),
  );
}
