/**
 * Statements, row by row: what each changes, in a transaction of the model Postgres. A row that
 * another transaction holds is left out, as if the statement had not named it.
 */
import { unchangedPlaceholder } from '../../../processor/source/row.ts';
import type { SourceTable } from '../../../processor/source/row-change.ts';
import type { Statement } from './action.ts';
import type { ModelPostgres, Transaction } from './model-postgres.ts';
import { type Columns, keyOf, rowId, type SourceRow } from './rows.ts';

type Context = { readonly transaction: Transaction; readonly postgres: ModelPostgres };

/** How many rows it changed. */
export function execute(
  statement: Statement,
  transaction: Transaction,
  postgres: ModelPostgres,
): number {
  const context = { transaction, postgres };
  switch (statement.kind) {
    case 'write':
      return write(context, statement.table, statement.columns);
    case 'copy':
      return copy(context, statement.table, statement.rows);
    case 'update':
      return update(context, statement.table, statement.key, statement.set);
    case 'update-all': {
      const { table, set } = statement;
      return sum(postgres.visibleOf(transaction, table), ({ columns }) =>
        update(context, table, columns, set),
      );
    }
    case 'move': {
      const { table, key, through } = statement;
      const owner = table === 'sessions' ? 'account_uid' : 'session_uid';
      return sum(through, (to) => update(context, table, key, { [owner]: to }));
    }
    case 'rekey':
      return rekey(context, statement.table, statement.key, statement.to);
    case 'delete':
      return remove(context, statement.table, statement.key);
    case 'delete-tree':
      return removeTree(context, statement.table, statement.key);
    case 'truncate':
      return truncate(context, statement.tables);
  }
}

function write(context: Context, table: SourceTable, columns: Columns): number {
  const { transaction, postgres } = context;
  const id = rowId(table, columns);
  if (!postgres.isFree(transaction, table, id)) return 0;
  const isNew = postgres.visible(transaction, id) === undefined;
  const lsn = postgres.nextLsn();
  postgres.record(transaction, { kind: 'write', lsn, table, id, isNew, columns, told: columns });
  return 1;
}

function copy(context: Context, table: SourceTable, rows: readonly Columns[]): number {
  const { transaction, postgres } = context;
  const fresh = new Map<string, Columns>();
  for (const columns of rows) {
    const id = rowId(table, columns);
    if (postgres.visible(transaction, id) !== undefined) continue;
    if (postgres.isFree(transaction, table, id)) fresh.set(id, columns);
  }
  if (fresh.size === 0) return 0;
  if (fresh.size > 1) postgres.count('rows shared an LSN');
  const lsn = postgres.nextLsn();
  for (const [id, columns] of fresh) {
    const change = { kind: 'write', lsn, table, id, isNew: true, columns, told: columns } as const;
    postgres.record(transaction, change);
  }
  return fresh.size;
}

function update(context: Context, table: SourceTable, key: Columns, set: Columns): number {
  const { transaction, postgres } = context;
  const id = rowId(table, key);
  const row = postgres.visible(transaction, id);
  if (row === undefined || !postgres.isFree(transaction, table, id)) return 0;
  const columns = { ...row.columns, ...set };
  const told = { ...withheld(postgres, row), ...set };
  const lsn = postgres.nextLsn();
  postgres.record(transaction, { kind: 'write', lsn, table, id, isNew: false, columns, told });
  return 1;
}

function rekey(context: Context, table: SourceTable, key: Columns, to: Columns): number {
  const { transaction, postgres } = context;
  const formerId = rowId(table, key);
  const id = rowId(table, to);
  const row = postgres.visible(transaction, formerId);
  if (row === undefined || id === formerId) return 0;
  if (postgres.visible(transaction, id) !== undefined) return 0;
  if (!postgres.isFree(transaction, table, formerId)) return 0;
  if (!postgres.isFree(transaction, table, id)) return 0;
  const columns = { ...row.columns, ...to };
  const told = { ...withheld(postgres, row), ...to };
  const former = keyOf(table, row.columns);
  const lsn = postgres.nextLsn();
  const change = { kind: 'rekey', lsn, table, formerId, former, id, columns, told } as const;
  postgres.record(transaction, change);
  postgres.count('a key was changed');
  return 1;
}

/** The row as an UPDATE tells it that sets nothing: texts stored apart are not read for it. */
function withheld({ inlineCharsMax }: ModelPostgres, { columns }: SourceRow): Columns {
  const told: Record<string, Columns[string]> = { ...columns };
  for (const [name, value] of Object.entries(columns)) {
    if (typeof value !== 'string' || value.length <= inlineCharsMax) continue;
    told[name] = unchangedPlaceholder;
  }
  return told;
}

function remove(context: Context, table: SourceTable, key: Columns): number {
  const { transaction, postgres } = context;
  const id = rowId(table, key);
  if (postgres.visible(transaction, id) === undefined) return 0;
  if (!postgres.isFree(transaction, table, id)) return 0;
  const lsn = postgres.nextLsn();
  postgres.record(transaction, { kind: 'delete', lsn, table, id, key: keyOf(table, key) });
  return 1;
}

function removeTree(context: Context, table: 'sessions' | 'agent_turns', key: Columns): number {
  const { transaction, postgres } = context;
  const uid = key['uid'];
  const first = remove(context, table, key);
  const removeAll = (children: SourceTable, column: string) =>
    sum(
      postgres.visibleOf(transaction, children).filter(({ columns }) => columns[column] === uid),
      ({ columns }) => remove(context, children, columns),
    );
  if (table === 'agent_turns') return first + removeAll('steps', 'agent_turn_uid');
  return first + removeAll('agent_turns', 'session_uid') + removeAll('human_turns', 'session_uid');
}

function truncate({ transaction, postgres }: Context, tables: readonly SourceTable[]): number {
  if (!tables.every((table) => postgres.mayTruncate(transaction, table))) return 0;
  const lsn = postgres.nextLsn();
  for (const table of tables) postgres.record(transaction, { kind: 'truncate', lsn, table });
  postgres.count('a table was truncated');
  return tables.length;
}

function sum<T>(items: readonly T[], rowsOf: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += rowsOf(item);
  return total;
}
