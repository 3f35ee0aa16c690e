/** Read models as readers see them, by key text: rows, or sums over shards without zeros (I8). */
import type { StoredRow, StoredTotalsRow } from '../../../processor/engine/read-out.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import type { Key, Projection } from '../../../processor/projection/projection.ts';
import { difference, sameCells, shownCells } from './check.ts';

export type ShownRow = { readonly key: Key; readonly values: readonly Cell[] };
export type ShownRows = ReadonlyMap<string, ShownRow>;

export function visibleRows(
  projection: Projection,
  stored: readonly StoredRow[] | readonly StoredTotalsRow[],
): ShownRows {
  const rows = new Map<string, ShownRow>();
  for (const row of stored) {
    const text = keyTextOf(row.key);
    const values = 'totals' in row ? row.totals : row.values;
    const former = projection.kind === 'map' ? undefined : rows.get(text);
    const sum = former?.values.map((value, at) => Number(value) + Number(values[at])) ?? values;
    rows.set(text, { key: row.key, values: sum });
  }
  if (projection.kind === 'map') return rows;
  for (const [text, { values }] of rows) if (values.every((one) => one === 0)) rows.delete(text);
  return rows;
}

/** Both sides where they differ; null where they agree. */
export function rowsDifference(
  { shape }: Projection,
  is: ShownRow | undefined,
  must: ShownRow | undefined,
): string | null {
  if (is === undefined) return must === undefined ? null : `is missing, must be ${named(must)}`;
  if (must === undefined) return `is ${named(is)}, must not be there`;
  if (sameCells(is.values, must.values)) return null;
  return `is wrong: ${difference(columns(is), columns(must))}`;

  function named(row: ShownRow): string {
    return shownCells(row.values);
  }

  function columns({ values }: ShownRow) {
    return Object.fromEntries(shape.values.map(({ name }, at) => [name, values[at]]));
  }
}
