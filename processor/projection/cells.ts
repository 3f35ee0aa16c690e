/**
 * From the objects that a projection function returns to cells in column order. Every cell is
 * checked against its column's type, so that a mistake is this entry's dead letter and not a
 * database error that comes back for ever; and it is brought to the form that CQL keeps. The latter
 * matters: a key of 12.3 ms and one of 12.7 ms are one CQL row, and must be one here.
 *
 * Hot path: one call per row or contribution, one property read and one comparison per cell.
 */
import { TurnstreamError } from '../error.ts';
import type { Cell, CqlType } from './columns.ts';
import type { TableColumn } from './projection.ts';

/**
 * All texts of a key in UTF-8. CQL takes 65,535 bytes for a partition key and for each clustering
 * cell; the difference leaves room for framing and the other cells.
 */
export const keyTextBytesMax = 65_000;

/** What a `timestamp` can hold so that every driver reads it back: ECMAScript's range of dates. */
const timestampMsMax = 8.64e15;

type CellSource = Readonly<Record<string, unknown>>;

/** Makes the reader of a row's key or values. It throws PROJECTION for a cell that does not fit. */
export function cellReader(
  projection: string,
  columns: readonly TableColumn[],
  part: 'key' | 'values',
): (source: CellSource) => readonly Cell[] {
  const hasText = part === 'key' && columns.some((column) => column.cql === 'text');
  return (source) => {
    // Of its length from the start: one that grows has room for sixteen more, as long as the row lives.
    const cells = new Array<Cell>(columns.length);
    for (let at = 0; at < columns.length; at += 1) {
      const column = columns[at];
      if (column === undefined) continue;
      const value = source[column.name];
      const cell = value === null && column.nullable ? null : cellOf(column.cql, value);
      if (cell === undefined) throw misfit(projection, column, value);
      cells[at] = cell;
    }
    if (hasText) checkKeyText(projection, cells);
    return cells;
  };
}

/** The value as CQL keeps it (a timestamp's whole milliseconds, no negative zero); undefined for a misfit. */
function cellOf(cql: CqlType, value: unknown): Cell | undefined {
  switch (cql) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'int':
    case 'date':
      return typeof value === 'number' && (value | 0) === value ? value | 0 : undefined;
    case 'bigint':
      return Number.isSafeInteger(value) ? (value as number) + 0 : undefined;
    case 'timestamp':
      return typeof value === 'number' && Math.abs(value) <= timestampMsMax
        ? Math.floor(value) + 0
        : undefined;
    case 'double':
      return Number.isFinite(value) ? (value as number) + 0 : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
  }
}

function checkKeyText(projection: string, cells: readonly Cell[]): void {
  let units = 0;
  for (const cell of cells) if (typeof cell === 'string') units += cell.length;
  // A UTF-16 code unit is at most three bytes of UTF-8.
  if (units * 3 <= keyTextBytesMax) return;
  const texts = cells.filter((cell) => typeof cell === 'string');
  const bytes = Buffer.byteLength(texts.join(''), 'utf8');
  if (bytes > keyTextBytesMax) {
    throw new TurnstreamError(
      'PROJECTION',
      `projection ${projection}: a key has ${bytes} bytes of text, CQL takes ${keyTextBytesMax}; ` +
        'shorten or hash the text before it becomes part of a key',
    );
  }
}

const wanted: Readonly<Record<CqlType, string>> = {
  text: 'a string',
  int: 'a whole number of 32 bits',
  date: 'a whole number of days of 32 bits',
  bigint: 'a safe integer',
  timestamp: 'an Instant within the years -271821 to 275760',
  double: 'a finite number',
  boolean: 'true or false',
};

function misfit(projection: string, column: TableColumn, value: unknown): TurnstreamError {
  const got = typeof value === 'string' ? `a string of ${value.length} characters` : String(value);
  const orNull = column.nullable ? ' or null' : '';
  return new TurnstreamError(
    'PROJECTION',
    `projection ${projection}: column ${column.name} (${column.cql}) got ${got}; ` +
      `its function must return ${wanted[column.cql]}${orNull} there`,
  );
}
