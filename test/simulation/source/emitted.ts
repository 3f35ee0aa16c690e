/**
 * One record of the connector before it is bytes: what it says, and what it does to who reads it.
 * Made of the WAL in the order of the commits, as Debezium 3.7 does with the product's configuration:
 * a deletion by its key alone, a change of a key as two records, a TRUNCATE as one for each table.
 */
import type { SourceTable } from '../../../processor/source/row-change.ts';
import type { WalItem } from './model-postgres.ts';
import { type Columns, keyOf, type Rows, type SourceChange } from './rows.ts';

export type SnapshotPlace =
  | 'first'
  | 'first_in_data_collection'
  | 'true'
  | 'last_in_data_collection'
  | 'last';

type Headers = Readonly<Record<string, string>>;

export type Emitted = {
  readonly lsn: number;
  readonly transactionId: number;
  /** Of the commit. */
  readonly atMs: number;
} & (
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'truncate'; readonly table: SourceTable; readonly change: SourceChange }
  | {
      readonly kind: 'row';
      readonly op: 'c' | 'u' | 'd' | 'r';
      readonly table: SourceTable;
      readonly key: Columns;
      /** Null for a deletion. */
      readonly after: Columns | null;
      readonly headers: Headers;
      readonly snapshot: SnapshotPlace | null;
      /** What who reads it knows afterwards; null when it has no effect of its own. */
      readonly change: SourceChange | null;
    }
);

const noHeaders: Headers = {};

export function emittedOf(item: WalItem): readonly Emitted[] {
  const { atMs, transactionId } = item;
  if (item.kind === 'message') return [{ kind: 'heartbeat', lsn: item.lsn, transactionId, atMs }];
  return item.changes.flatMap((change) =>
    recordsOf(change, { lsn: change.lsn, transactionId, atMs }),
  );
}

function recordsOf(
  change: SourceChange,
  origin: { readonly lsn: number; readonly transactionId: number; readonly atMs: number },
): readonly Emitted[] {
  const { table } = change;
  const row = { ...origin, kind: 'row', table, headers: noHeaders, snapshot: null } as const;
  switch (change.kind) {
    case 'truncate':
      return [{ ...origin, kind: 'truncate', table, change }];
    case 'delete':
      return [{ ...row, op: 'd', key: change.key, after: null, change }];
    case 'write': {
      const key = keyOf(table, change.columns);
      return [{ ...row, op: change.isNew ? 'c' : 'u', key, after: change.told, change }];
    }
    case 'rekey': {
      const key = keyOf(table, change.columns);
      const newKey = { '__debezium.newkey': JSON.stringify(key) };
      const oldKey = { '__debezium.oldkey': JSON.stringify(change.former) };
      return [
        { ...row, op: 'd', key: change.former, after: null, headers: newKey, change: null },
        { ...row, op: 'c', key, after: change.told, headers: oldKey, change },
      ];
    }
  }
}

const snapshotOrder: readonly SourceTable[] = ['sessions', 'human_turns', 'agent_turns', 'steps'];

/**
 * All rows at one point, table by table. `first` is the first row of the first table, and of that one
 * only; when it is empty no record has that mark. `last` is the last of all.
 */
export function snapshotOf(
  point: { readonly lsn: number; readonly rows: Rows },
  transactionId: number,
  atMs: number,
): readonly Emitted[] {
  const byTable = snapshotOrder.map((table) =>
    [...point.rows.values()].filter((row) => row.table === table),
  );
  const total = point.rows.size;
  const records: Emitted[] = [];
  for (const [tableAt, rows] of byTable.entries()) {
    for (const [at, { table, columns }] of rows.entries()) {
      const snapshot = placeOf(
        tableAt === 0,
        at === 0,
        at === rows.length - 1,
        records.length === total - 1,
      );
      const key = keyOf(table, columns);
      const row = { kind: 'row', op: 'r', table, key, after: columns, snapshot } as const;
      records.push({
        ...row,
        lsn: point.lsn,
        transactionId,
        atMs,
        headers: noHeaders,
        change: null,
      });
    }
  }
  return records;
}

function placeOf(
  inFirstTable: boolean,
  isFirst: boolean,
  isLast: boolean,
  isLastOfAll: boolean,
): SnapshotPlace {
  if (isLastOfAll) return 'last';
  if (isFirst && inFirstTable) return 'first';
  if (isLast) return 'last_in_data_collection';
  return isFirst ? 'first_in_data_collection' : 'true';
}
