/** Actions of the source in words, SQL where there is SQL for it. */
import type { SourceAction, Statement } from './action.ts';
import { type Cell, type Columns, shapes } from './rows.ts';

const textCharsMax = 24;

export function wordsOf(action: SourceAction): string {
  switch (action.kind) {
    case 'begin':
    case 'commit':
    case 'rollback':
      return `T${action.tx}: ${action.kind.toUpperCase()}`;
    case 'heartbeat':
      return 'a heartbeat';
    case 'garbage':
      return action.bytes === null
        ? 'somebody appends a record without a value to changes'
        : `somebody appends garbage to changes: ${JSON.stringify(action.bytes)}`;
    case 'connector-crash':
      return `the connector crashes and delivers the last ${action.back} records again`;
    case 'slot-lost':
      return 'the replication slot is lost';
    case 'snapshot':
      return 'a snapshot begins';
    case 'snapshot-cut':
      return `the snapshot ends after ${action.after} more rows and begins anew`;
    default:
      return action.tx === 0 ? statement(action) : `T${action.tx}: ${statement(action)}`;
  }
}

function statement(action: Statement): string {
  switch (action.kind) {
    case 'write':
      return `INSERT INTO ${action.table} ${tuple(action.columns)} ON CONFLICT DO UPDATE of all`;
    case 'copy':
      return `COPY ${action.table}: ${action.rows.map(tuple).join(', ')}`;
    case 'update':
      return `UPDATE ${action.table} SET ${list(action.set, ', ')} WHERE ${list(action.key, ' AND ')}`;
    case 'update-all':
      return `UPDATE ${action.table} SET ${list(action.set, ', ')}`;
    case 'move': {
      const owner = action.table === 'sessions' ? 'account_uid' : 'session_uid';
      return `UPDATE ${action.table} SET ${owner} = ${action.through.map(cell).join(', then ')} WHERE ${list(action.key, ' AND ')}`;
    }
    case 'rekey':
      return `UPDATE ${action.table} SET ${list(action.to, ', ')} WHERE ${list(action.key, ' AND ')}`;
    case 'delete':
      return `DELETE FROM ${action.table} WHERE ${list(action.key, ' AND ')}`;
    case 'delete-tree':
      return `DELETE FROM ${action.table} WHERE ${list(action.key, ' AND ')}, then what hangs on it`;
    case 'truncate':
      return `TRUNCATE ${action.tables.join(', ')}`;
  }
}

/** `(uid s1, account_uid a, title NULL)`, the table's columns in their order. */
function tuple(columns: Columns): string {
  return `(${Object.entries(columns)
    .map(([name, value]) => `${name} ${cell(value)}`)
    .join(', ')})`;
}

export function list(columns: Columns, separator: string): string {
  return Object.entries(columns)
    .map(([name, value]) => `${name} = ${cell(value)}`)
    .join(separator);
}

function cell(value: Cell): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  if (value.length <= textCharsMax) return `'${value}'`;
  return `'${value.slice(0, textCharsMax - 4)}…' (${value.length} characters)`;
}

/** The key's values alone: `t1/3`. */
export function keyWords(table: keyof typeof shapes, columns: Columns): string {
  return shapes[table].key.map((name) => String(columns[name])).join('/');
}
