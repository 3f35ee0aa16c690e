/**
 * What one replica holds of one CQL partition, and CQL's rules for what meets there. Cells, row
 * markers and deletes each keep their timestamp, and only the greatest counts: so a copy is the same
 * in whatever order its writes came, and however often. Rows with a time to live never expire here:
 * in the product that takes days.
 */
import { compareClustering, type Table } from './table.ts';
import { typeRules } from './types.ts';

/** `value` null: a tombstone of this one cell. `expiresAtS` 0: never. */
export type StoredCell = {
  readonly value: Buffer | null;
  readonly at: number;
  readonly expiresAtS: number;
};

export type Cells = (StoredCell | undefined)[];

export type Row = {
  readonly name: string;
  readonly key: readonly Buffer[];
  deletedAt: number;
  /** INSERT leaves a marker, UPDATE does not: a row whose cells are all null shows by it. */
  markedAt: number;
  readonly cells: Cells;
};

/** Of all rows that begin with the prefix, or of those of them that compare so in the next column. */
export type RangeDelete = {
  readonly prefix: readonly Buffer[];
  readonly bound: { readonly by: '<' | '<=' | '>' | '>='; readonly value: Buffer } | null;
  readonly at: number;
};

export type Copy = {
  readonly table: Table;
  readonly statics: Cells;
  readonly rows: Map<string, Row>;
  /** In clustering order. */
  readonly sorted: Row[];
  readonly deletes: RangeDelete[];
};

/** A column's new cells, by the column's place. */
export type NewCells = readonly { readonly column: number; readonly cell: StoredCell }[];

export type Op =
  | {
      readonly kind: 'row';
      readonly name: string;
      readonly key: readonly Buffer[];
      readonly marks: boolean;
      readonly cells: NewCells;
      readonly at: number;
    }
  | { readonly kind: 'static'; readonly cells: NewCells; readonly at: number }
  | {
      readonly kind: 'deleteRow';
      readonly name: string;
      readonly key: readonly Buffer[];
      readonly at: number;
    }
  | { readonly kind: 'deleteRange'; readonly range: RangeDelete; readonly at: number };

/** Two that differ, of one row and at one timestamp. The column is null for a delete of the row. */
export type Tie = {
  readonly between: 'values' | 'null and value' | 'delete and write';
  readonly column: string | null;
  readonly at: number;
};

/** Hears what an operation met in a copy. */
export type Meetings = { older(): void; tie(tie: Tie): void };

const never = Number.NEGATIVE_INFINITY;

export function emptyCopy(table: Table): Copy {
  return {
    table,
    statics: new Array(table.statics.length).fill(undefined),
    rows: new Map(),
    sorted: [],
    deletes: [],
  };
}

export function apply(copy: Copy, op: Op, meetings: Meetings): void {
  const { table } = copy;
  switch (op.kind) {
    case 'static':
      for (const { column, cell } of op.cells) {
        meet(copy.statics[column], cell, table.statics[column]?.name ?? '', meetings);
        put(copy.statics, column, cell);
      }
      meetDelete(partitionDeletedAt(copy), op.at, meetings);
      return;
    case 'row': {
      const row = rowOf(copy, op.name, op.key);
      meetDelete(rowDeletedAt(copy, row), op.at, meetings);
      for (const { column, cell } of op.cells) {
        meet(row.cells[column], cell, table.regulars[column]?.name ?? '', meetings);
        put(row.cells, column, cell);
      }
      if (op.marks && op.at > row.markedAt) row.markedAt = op.at;
      return;
    }
    case 'deleteRow': {
      const row = rowOf(copy, op.name, op.key);
      meetRow(row, op.at, meetings);
      if (op.at > row.deletedAt) row.deletedAt = op.at;
      return;
    }
    case 'deleteRange':
      for (const row of copy.sorted) {
        if (covers(table, op.range, row.key)) meetRow(row, op.at, meetings);
      }
      addRange(copy, op.range);
  }
}

/** Whether the cell takes the other's place. */
export function beats(cell: StoredCell, old: StoredCell | undefined): boolean {
  if (old === undefined || cell.at !== old.at) return old === undefined || cell.at > old.at;
  if (cell.value === null || old.value === null) return cell.value === null && old.value !== null;
  // One that expires beats one that does not, and the later to expire the earlier.
  if (cell.expiresAtS !== old.expiresAtS) return cell.expiresAtS > old.expiresAtS;
  return Buffer.compare(cell.value, old.value) > 0;
}

/** Whether anything changed. */
export function put(cells: Cells, column: number, cell: StoredCell): boolean {
  if (!beats(cell, cells[column])) return false;
  cells[column] = cell;
  return true;
}

export function rowOf(copy: Copy, name: string, key: readonly Buffer[]): Row {
  const known = copy.rows.get(name);
  if (known !== undefined) return known;
  const cells: Cells = new Array(copy.table.regulars.length).fill(undefined);
  const row: Row = { name, key, deletedAt: never, markedAt: never, cells };
  copy.rows.set(name, row);
  copy.sorted.splice(placeOf(copy, key), 0, row);
  return row;
}

/** The first place in `sorted` whose row is not before the key. */
function placeOf({ table, sorted }: Copy, key: readonly Buffer[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareClustering(table, (sorted[middle] as Row).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether anything changed. */
export function addRange(copy: Copy, range: RangeDelete): boolean {
  const known = copy.deletes.some(
    (other) => other.at >= range.at && (other === range || sameRange(other, range)),
  );
  if (!known) copy.deletes.push(range);
  return !known;
}

function sameRange(one: RangeDelete, other: RangeDelete): boolean {
  return (
    one.prefix.length === other.prefix.length &&
    one.prefix.every((value, at) => value.equals(other.prefix[at] as Buffer)) &&
    one.bound?.by === other.bound?.by &&
    (one.bound === null || one.bound.value.equals(other.bound?.value as Buffer))
  );
}

export function covers(table: Table, range: RangeDelete, key: readonly Buffer[]): boolean {
  const { prefix, bound } = range;
  for (let at = 0; at < prefix.length; at += 1) {
    if (!(prefix[at] as Buffer).equals(key[at] as Buffer)) return false;
  }
  if (bound === null) return true;
  const column = table.clustering[prefix.length];
  const value = key[prefix.length];
  if (column === undefined || value === undefined) return false;
  return within(typeRules[column.type].compare(value, bound.value), bound.by);
}

export function within(order: number, by: '<' | '<=' | '>' | '>='): boolean {
  if (order === 0) return by === '<=' || by === '>=';
  return order < 0 ? by === '<' || by === '<=' : by === '>' || by === '>=';
}

export function partitionDeletedAt({ deletes }: Copy): number {
  let at = never;
  for (const range of deletes) {
    if (range.prefix.length === 0 && range.bound === null && range.at > at) at = range.at;
  }
  return at;
}

export function rowDeletedAt({ table, deletes }: Copy, row: Row): number {
  let at = row.deletedAt;
  for (const range of deletes) {
    if (range.at > at && covers(table, range, row.key)) at = range.at;
  }
  return at;
}

/** A row shows by its marker or by a cell with a value that no delete covers. */
export function shows(row: Row, deletedAt: number): boolean {
  if (row.markedAt > deletedAt) return true;
  return row.cells.some((cell) => isLive(cell, deletedAt));
}

export function isLive(cell: StoredCell | undefined, deletedAt: number): boolean {
  return cell !== undefined && cell.value !== null && cell.at > deletedAt;
}

function meet(
  old: StoredCell | undefined,
  cell: StoredCell,
  column: string,
  meetings: Meetings,
): void {
  if (old === undefined || old.at < cell.at) return;
  if (old.at > cell.at) meetings.older();
  else if ((old.value === null) !== (cell.value === null)) {
    meetings.tie({ between: 'null and value', column, at: cell.at });
  } else if (old.value !== null && !old.value.equals(cell.value as Buffer)) {
    meetings.tie({ between: 'values', column, at: cell.at });
  }
}

function meetDelete(deletedAt: number, at: number, meetings: Meetings): void {
  if (deletedAt > at) meetings.older();
  if (deletedAt === at) meetings.tie({ between: 'delete and write', column: null, at });
}

/** A delete meets a row. */
function meetRow(row: Row, at: number, meetings: Meetings): void {
  let newest = row.markedAt;
  let equal = row.markedAt === at;
  for (const cell of row.cells) {
    if (cell === undefined || cell.value === null) continue;
    if (cell.at > newest) newest = cell.at;
    if (cell.at === at) equal = true;
  }
  if (newest > at || row.deletedAt > at) meetings.older();
  if (equal) meetings.tie({ between: 'delete and write', column: null, at });
}
