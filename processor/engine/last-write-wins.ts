/**
 * CQL's rule for two writes to one row, cell by cell, as the store in memory keeps it: the higher
 * timestamp wins; at equal ones a delete beats a write, a null beats a value, and of two values the
 * one whose serialized bytes are larger wins. A row shows while it has a marker or a cell that is
 * newer than its delete.
 */
import type { Cell, CqlType } from '../projection/columns.ts';

type TimedCell = { readonly value: Cell; readonly at: number };

export type MergedRow = {
  /** Timestamp of the newest row delete; -Infinity for none. */
  readonly deletedAt: number;
  /** Timestamp of the newest INSERT. */
  readonly markedAt: number;
  readonly cells: readonly TimedCell[];
};

export function emptyRow(columns: number): MergedRow {
  const cells = Array.from({ length: columns }, () => ({
    value: null,
    at: Number.NEGATIVE_INFINITY,
  }));
  return { deletedAt: Number.NEGATIVE_INFINITY, markedAt: Number.NEGATIVE_INFINITY, cells };
}

export function mergeDelete(row: MergedRow, at: number): MergedRow {
  return { ...row, deletedAt: Math.max(row.deletedAt, at) };
}

export function mergeWrite(
  row: MergedRow,
  types: readonly CqlType[],
  values: readonly Cell[],
  at: number,
): MergedRow {
  const cells = row.cells.map((old, column) => {
    const type = types[column] ?? 'text';
    const value = values[column] ?? null;
    if (at !== old.at) return at > old.at ? { value, at } : old;
    return beats(type, value, old.value) ? { value, at } : old;
  });
  return { ...row, markedAt: Math.max(row.markedAt, at), cells };
}

/** What a reader sees: the values, or undefined where there is no row. */
export function visible(row: MergedRow): readonly Cell[] | undefined {
  const values = row.cells.map(({ value, at }) => (at > row.deletedAt ? value : null));
  const shows = row.markedAt > row.deletedAt || values.some((value) => value !== null);
  return shows ? values : undefined;
}

function beats(type: CqlType, value: Cell, old: Cell): boolean {
  if (value === null || old === null) return value === null;
  return Buffer.compare(serialize(type, value), serialize(type, old)) > 0;
}

/** The bytes of the native protocol, compared unsigned: so -1 is larger than 1. */
function serialize(type: CqlType, value: Exclude<Cell, null>): Buffer {
  if (type === 'text') return Buffer.from(String(value));
  if (type === 'boolean') return Buffer.from([value === true ? 1 : 0]);
  const number = Number(value);
  const bytes = Buffer.alloc(8);
  if (type === 'double') bytes.writeDoubleBE(number);
  else if (type === 'date') bytes.writeBigUInt64BE(BigInt(number) + 2n ** 31n);
  else if (type === 'int') bytes.writeUInt32BE(number >>> 0);
  else bytes.writeBigInt64BE(BigInt(Math.floor(number)));
  return bytes;
}
