/**
 * Reads that meet replicas which differ: the answer is their merge, and what was read of it is
 * written back to each before the answer goes out, so that quorum reads never go back in time. Only
 * what was read: the rows looked at and the columns asked for. A batch that reached one replica
 * alone can so become readable in part.
 */
import {
  addRange,
  beats,
  type Copy,
  covers,
  emptyCopy,
  put,
  type RangeDelete,
  type Row,
  rowDeletedAt,
  rowOf,
} from './copy.ts';
import type { Found, Selection } from './selection.ts';
import { keyName } from './table.ts';

/** What the copies hold together; of named rows, those alone. */
export function mergeOf(copies: readonly Copy[], selection: Selection | null): Copy {
  const merged = emptyCopy((copies[0] as Copy).table);
  const names = selection?.names?.map(keyName) ?? null;
  for (const copy of copies) {
    for (const range of copy.deletes) addRange(merged, range);
    for (const [column, cell] of copy.statics.entries()) {
      if (cell !== undefined) put(merged.statics, column, cell);
    }
    if (names === null) for (const row of copy.sorted) mergeRow(merged, row);
    else for (const name of names) mergeRow(merged, copy.rows.get(name));
  }
  return merged;
}

/** As a repair of the whole table does: each has what any of them has. */
export function levelled(copies: readonly Copy[]): void {
  const merged = mergeOf(copies, null);
  for (const copy of copies) {
    for (const range of merged.deletes) addRange(copy, range);
    for (const [column, cell] of merged.statics.entries()) {
      if (cell !== undefined) put(copy.statics, column, cell);
    }
    for (const row of merged.sorted) mergeRow(copy, row);
  }
}

function mergeRow(into: Copy, row: Row | undefined): void {
  if (row === undefined) return;
  const target = rowOf(into, row.name, row.key);
  if (row.markedAt > target.markedAt) target.markedAt = row.markedAt;
  if (row.deletedAt > target.deletedAt) target.deletedAt = row.deletedAt;
  for (const [column, cell] of row.cells.entries()) {
    if (cell !== undefined) put(target.cells, column, cell);
  }
}

/** Whether the copy lacked any of it. */
export function repair(copy: Copy, merged: Copy, selection: Selection, found: Found): boolean {
  const { plan } = selection;
  let changed = false;
  for (const row of found.covered) {
    if (repairRow(copy, merged, row, selection)) changed = true;
  }
  for (const { role, at } of plan.asked) {
    const cell = role === 'static' ? merged.statics[at] : undefined;
    if (cell !== undefined && put(copy.statics, at, cell)) changed = true;
  }
  for (const range of merged.deletes) {
    const part = partOf(range, selection, found.isFull);
    if (part !== null && addRange(copy, part)) changed = true;
  }
  return changed;
}

function repairRow(copy: Copy, merged: Copy, row: Row, { plan }: Selection): boolean {
  const deletedAt = rowDeletedAt(merged, row);
  const known = copy.rows.get(row.name);
  const lacksDelete =
    deletedAt > Number.NEGATIVE_INFINITY &&
    (known === undefined || rowDeletedAt(copy, known) < deletedAt);
  const lacksMarker = row.markedAt > deletedAt && row.markedAt > (known?.markedAt ?? -Infinity);
  const lacking = plan.asked.flatMap(({ role, at }) => {
    const cell = role === 'regular' ? row.cells[at] : undefined;
    const isLacked =
      cell !== undefined && cell.at > deletedAt && beats(cell, known?.cells[at] ?? undefined);
    return isLacked ? [{ at, cell }] : [];
  });
  if (!lacksDelete && !lacksMarker && lacking.length === 0) return false;
  const target = rowOf(copy, row.name, row.key);
  if (lacksDelete) target.deletedAt = Math.max(target.deletedAt, deletedAt);
  if (lacksMarker) target.markedAt = row.markedAt;
  for (const { at, cell } of lacking) put(target.cells, at, cell);
  return true;
}

/**
 * What a read brings of a range delete: the whole within the slice read, or the slice where the
 * delete covers it. One that only overlaps it comes row by row alone.
 */
function partOf(
  range: RangeDelete,
  { plan, names, prefix, bound }: Selection,
  isFull: boolean,
): RangeDelete | null {
  if (range.prefix.length === 0 && range.bound === null) return range;
  if (names !== null || isFull) return null;
  const begins = prefix.every((value, at) => range.prefix[at]?.equals(value) === true);
  if (begins && bound === null) return range;
  const named = range.prefix.length + (range.bound === null ? 0 : 1);
  if (prefix.length >= named && covers(plan.table, range, prefix)) {
    return { prefix, bound, at: range.at };
  }
  return null;
}
