/**
 * The SQL of verification: which sessions there are, and their rows as the sequencer would have read them
 * from Debezium (processor/source/row.ts, docs/decisions/0020): texts cut where the connector cuts them, no row with an identifier that is
 * too long, moments in microseconds. Columns that a customer lacks are null. Pure.
 */
import { sourceColumns } from '../../connectors/source-tables.ts';
import { TurnstreamError } from '../error.ts';
import type { SourceTable } from '../source/row-change.ts';
import { identifierBytesMax } from '../source/row-limits.ts';
import type { SourceNames } from '../source/source-names.ts';

export type SourceSql = {
  /** The uids of all sessions, also of those that turns name and no row has. */
  readonly all: string;
  /** How many rows `sessions` has. */
  readonly count: string;
  /** $1: the account. */
  readonly ofAccount: string;
  /** $1: the time, ISO 8601. */
  readonly since: string;
  /** $1: uids of sessions. */
  readonly sessions: string;
  readonly humanTurns: string;
  readonly agentTurns: string;
  /** $1: uids of agent turns. */
  readonly steps: string;
};

/** Columns of each table, by their type as Postgres names it. */
export type FoundColumns = Readonly<Record<SourceTable, ReadonlyMap<string, string>>>;

const cutTexts = ['title', 'prompt', 'content'];
const identifiers = [
  'uid',
  'session_uid',
  'parent_uid',
  'active_child',
  'account_uid',
  'agent_turn_uid',
];

export type SourcePlace = { readonly schema: string; readonly tables: SourceNames };

export function sourceSql(
  { schema, tables }: SourcePlace,
  found: FoundColumns,
  textCharsMax: number,
): SourceSql {
  const table = (name: SourceTable) => `"${schema.replaceAll('"', '""')}"."${tables[name]}"`;
  const cell = (name: SourceTable, column: string) => cellSql(name, column, found, textCharsMax);
  const cells = (name: SourceTable, ...columns: readonly string[]) =>
    columns.map((column) => cell(name, column)).join(', ');
  const short = (name: SourceTable) => shortSql(name, found);
  const ofSessions = (name: SourceTable) =>
    `FROM ${table(name)} WHERE uid IS NOT NULL AND session_uid = ANY($1) AND ${short(name)}`;
  const at = (name: SourceTable, alias = '') =>
    found[name].get('created_at') === 'timestamp with time zone'
      ? `${alias}created_at >= $1::timestamptz`
      : 'false';
  const turns = ['human_turns', 'agent_turns'] as const;
  return {
    all: [
      `SELECT uid::text FROM ${table('sessions')} WHERE uid IS NOT NULL`,
      ...turns.map(
        (name) => `SELECT session_uid::text FROM ${table(name)} WHERE session_uid IS NOT NULL`,
      ),
    ].join(' UNION '),
    count: `SELECT count(*) AS sessions FROM ${table('sessions')}`,
    ofAccount: `SELECT uid::text FROM ${table('sessions')} WHERE uid IS NOT NULL AND account_uid = $1`,
    since: [
      ...turns.map(
        (name) =>
          `SELECT session_uid::text FROM ${table(name)} WHERE session_uid IS NOT NULL AND ${at(name)}`,
      ),
      `SELECT t.session_uid::text FROM ${table('steps')} s JOIN ${table('agent_turns')} t ON t.uid = s.agent_turn_uid WHERE t.session_uid IS NOT NULL AND ${at('steps', 's.')}`,
    ].join(' UNION '),
    sessions: `SELECT ${cells('sessions', 'uid', 'account_uid', 'title')} FROM ${table('sessions')} WHERE uid = ANY($1) AND ${short('sessions')}`,
    humanTurns: `SELECT ${cells('human_turns', 'uid', 'session_uid', 'parent_uid', 'active_child', 'prompt', 'created_at')} ${ofSessions('human_turns')}`,
    agentTurns: `SELECT ${cells('agent_turns', 'uid', 'session_uid', 'parent_uid', 'active_child')}, NULL, ${cell('agent_turns', 'created_at')} ${ofSessions('agent_turns')}`,
    steps: `SELECT ${cells('steps', 'agent_turn_uid', 'idx', 'tpe', 'content', 'created_at')} FROM ${table('steps')} WHERE idx IS NOT NULL AND agent_turn_uid = ANY($1) AND ${short('steps')}`,
  };
}

function cellSql(
  table: SourceTable,
  column: string,
  found: FoundColumns,
  textCharsMax: number,
): string {
  const type = found[table].get(column);
  if (type === undefined) {
    const known = sourceColumns[table].find(({ name }) => name === column);
    if (known?.optional === true) return 'NULL';
    throw new TurnstreamError(
      'PREFLIGHT',
      `The source's table ${table} has no column ${column}: \`turnstream connect --check\` says what is needed.`,
    );
  }
  if (column === 'created_at') {
    if (type !== 'timestamp with time zone') return 'NULL';
    return `CASE WHEN isfinite(created_at) THEN (extract(epoch FROM created_at) * 1000000)::bigint END`;
  }
  if (cutTexts.includes(column)) return `left(${column}::text, ${textCharsMax})`;
  return `${column}::text`;
}

/** A row with an identifier that is too long is set aside by the sequencer. */
function shortSql(table: SourceTable, found: FoundColumns): string {
  return identifiers
    .filter((column) => found[table].has(column))
    .map((column) => `coalesce(octet_length(${column}::text), 0) <= ${identifierBytesMax}`)
    .join(' AND ');
}
