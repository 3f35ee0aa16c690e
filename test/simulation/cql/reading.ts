/** Reads page by page, at a quorum: in one CQL partition, or over all of them in token order. */
import type { Copy } from './copy.ts';
import { mergeOf, repair } from './repair.ts';
import { type DecodedCells, decoded, type Found, find, type Selection } from './selection.ts';
import { keyName, type Partition, partitionsByToken } from './table.ts';

export type Cursor = {
  readonly partition: Partition;
  /** The last row given; null to go on with the next partition. */
  readonly after: readonly Buffer[] | null;
  readonly given: number;
};

export type Page = { readonly rows: readonly DecodedCells[]; readonly next: Cursor | null };

/** `asked`: the replicas that answer. A full page has a next one, though that may be empty. */
export function readPage(
  selection: Selection,
  cursor: Cursor | null,
  rowsMax: number,
  asked: readonly number[],
  differed: () => void,
): Page {
  const { plan, limit } = selection;
  const given = cursor?.given ?? 0;
  const enough = Math.min(rowsMax, limit - given);
  const rows: DecodedCells[] = [];
  for (const { partition, after } of partitionsFrom(selection, cursor)) {
    const { copy, found } = look(
      partition,
      selection,
      after,
      enough - rows.length,
      asked,
      differed,
    );
    for (const row of found.rows) rows.push(decoded(plan, partition, copy, row));
    if (rows.length < enough) continue;
    const total = given + rows.length;
    if (total >= limit) break;
    const last = plan.distinct ? null : (found.rows.at(-1)?.key ?? null);
    return { rows, next: { partition, after: last, given: total } };
  }
  return { rows, next: null };
}

function* partitionsFrom(
  { plan, partition }: Selection,
  cursor: Cursor | null,
): Iterable<Pick<Cursor, 'partition' | 'after'>> {
  if (partition !== null) {
    const found = plan.table.partitions.get(keyName(partition));
    const isRead = cursor !== null && cursor.after === null;
    if (found !== undefined && !isRead) yield { partition: found, after: cursor?.after ?? null };
    return;
  }
  const all = partitionsByToken(plan.table);
  let at = 0;
  if (cursor !== null) {
    at = all.indexOf(cursor.partition) + 1;
    if (cursor.after !== null) yield cursor;
  }
  for (; at < all.length; at += 1) yield { partition: all[at] as Partition, after: null };
}

function look(
  partition: Partition,
  selection: Selection,
  after: readonly Buffer[] | null,
  rowsMax: number,
  asked: readonly number[],
  differed: () => void,
): { readonly copy: Copy; readonly found: Found } {
  const copies = asked.map((replica) => partition.copies[replica] as Copy);
  if (partition.uneven === 0) {
    const copy = copies[0] as Copy;
    return { copy, found: find(copy, selection, after, rowsMax) };
  }
  const copy = mergeOf(copies, selection);
  const found = find(copy, selection, after, rowsMax);
  const repaired = copies.filter((one) => repair(one, copy, selection, found));
  if (repaired.length > 0) differed();
  return { copy, found };
}
