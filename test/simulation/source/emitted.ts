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
  | { readonly kind: 'notification'; readonly type: 'STARTED' | 'COMPLETED' }
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
  const records: Emitted[] = [];
  for (const change of item.changes) {
    const { lsn, table } = change;
    if (change.kind === 'truncate') {
      records.push({ kind: 'truncate', lsn, transactionId, atMs, table, change });
    } else {
      records.push(...rowsOf(change, { lsn, transactionId, atMs }));
    }
  }
  return records;
}

type Origin = { readonly lsn: number; readonly transactionId: number; readonly atMs: number };
type RowRecord = Extract<Emitted, { readonly kind: 'row' }>;

function rowsOf(
  change: Exclude<SourceChange, { readonly kind: 'truncate' }>,
  origin: Origin,
): readonly RowRecord[] {
  const { table } = change;
  switch (change.kind) {
    case 'delete':
      return [rowRecord(origin, 'd', table, change.key, null, noHeaders, null, change)];
    case 'write': {
      const key = keyOf(table, change.columns);
      const op = change.isNew ? 'c' : 'u';
      return [rowRecord(origin, op, table, key, change.told, noHeaders, null, change)];
    }
    case 'rekey': {
      const { former, told } = change;
      const key = keyOf(table, change.columns);
      const newKey = { '__debezium.newkey': JSON.stringify(key) };
      const oldKey = { '__debezium.oldkey': JSON.stringify(former) };
      return [
        rowRecord(origin, 'd', table, former, null, newKey, null, null),
        rowRecord(origin, 'c', table, key, told, oldKey, null, change),
      ];
    }
  }
}

function rowRecord(
  { lsn, transactionId, atMs }: Origin,
  op: RowRecord['op'],
  table: SourceTable,
  key: Columns,
  after: Columns | null,
  headers: Headers,
  snapshot: SnapshotPlace | null,
  change: SourceChange | null,
): RowRecord {
  const kind = 'row';
  return { kind, lsn, transactionId, atMs, op, table, key, after, headers, snapshot, change };
}

const snapshotOrder: readonly SourceTable[] = ['sessions', 'human_turns', 'agent_turns', 'steps'];

/** What comes before and after the rows when the connector tells of its snapshots. */
export function notificationOf(type: 'STARTED' | 'COMPLETED', origin: Origin): Emitted {
  return { kind: 'notification', type, ...origin };
}

/**
 * All rows at one point, table by table. `first` is the first row of the first table, and of that one
 * only; when it is empty no record has that mark. `last` is the last of all.
 */
export function snapshotOf(rows: Rows, origin: Origin): readonly Emitted[] {
  const byTable = new Map<SourceTable, Columns[]>(snapshotOrder.map((table) => [table, []]));
  for (const { table, columns } of rows.values()) byTable.get(table)?.push(columns);
  const records: Emitted[] = [];
  for (const [table, all] of byTable) {
    for (const [at, columns] of all.entries()) {
      const place = placeOf(
        table === snapshotOrder[0],
        at === 0,
        at === all.length - 1,
        records.length === rows.size - 1,
      );
      const key = keyOf(table, columns);
      records.push(rowRecord(origin, 'r', table, key, columns, noHeaders, place, null));
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
