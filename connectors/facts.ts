/**
 * What Postgres says about itself, asked in a few queries: the input of the pre-flight check
 * (preflight.ts), which is pure. Reads catalogues alone, which every role may.
 */

import { type SourceTable, sourceTables } from '../processor/source/row-change.ts';
import type { ConnectSettings } from './settings.ts';

/** A pg client or pool. */
export interface Queryable {
  query<Row extends object>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: Row[] }>;
}

export type ServerFacts = {
  /** 160014 for 16.14. */
  readonly version: number;
  readonly standby: boolean;
  readonly walLevel: string;
  readonly slotsMax: number;
  readonly slotsUsed: number;
  readonly sendersMax: number;
  readonly sendersUsed: number;
  readonly role: string;
  readonly superuser: boolean;
  /** By attribute, or as a member of a managed service's role for it. */
  readonly mayReplicate: boolean;
  /** CREATE on the database, which a new publication takes. */
  readonly mayCreate: boolean;
  readonly mayEmitMessages: boolean;
};

export type SlotFacts = {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  readonly walStatus: string | null;
};

export type ColumnFacts = {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string | null;
};

export type TableFacts = {
  readonly owned: boolean;
  readonly maySelect: boolean;
  readonly identity: 'default' | 'nothing' | 'full' | 'index';
  /** Of the primary key or the index that is the replica identity; empty when there is none. */
  readonly identityColumns: readonly string[];
  /** Unique indexes that can be the replica identity. */
  readonly candidates: readonly { readonly index: string; readonly columns: readonly string[] }[];
  readonly columns: readonly ColumnFacts[];
};

export type PublicationFacts = {
  readonly owned: boolean;
  readonly allTables: boolean;
  /** Of the four. */
  readonly tables: readonly string[];
  /** What of INSERT, UPDATE, DELETE and TRUNCATE it leaves out. */
  readonly missingOperations: readonly string[];
};

export type PostgresFacts = {
  readonly server: ServerFacts;
  readonly slot: SlotFacts | null;
  readonly mayUseSchema: boolean | null;
  readonly tables: Readonly<Record<SourceTable, TableFacts | null>>;
  readonly publication: PublicationFacts | null;
};

export async function readFacts(
  postgres: Queryable,
  settings: ConnectSettings,
): Promise<PostgresFacts> {
  const { slot, publication } = settings.connector;
  const { schema, tables } = settings.postgres;
  const one = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await postgres.query<Row>(text, values)).rows[0] ?? null;
  const server = await one<ServerFacts>(serverQuery);
  if (server === null) throw new Error('a query without FROM answers one row');
  const usage = await one<{ readonly usage: boolean }>(schemaQuery, [schema]);
  const found = await postgres.query<TableFacts & { readonly name: string }>(tablesQuery, [
    schema,
    Object.values(tables),
  ]);
  const tableOf = (table: SourceTable): TableFacts | null =>
    found.rows.find(({ name }) => name === tables[table]) ?? null;
  const published = await one<PublicationFacts>(publicationQuery, [publication, schema]);
  return {
    server,
    slot: await one<SlotFacts>(slotQuery, [slot]),
    mayUseSchema: usage?.usage ?? null,
    tables: {
      sessions: tableOf('sessions'),
      human_turns: tableOf('human_turns'),
      agent_turns: tableOf('agent_turns'),
      steps: tableOf('steps'),
    },
    publication: published && {
      ...published,
      tables: sourceTables.filter((table) => published.tables.includes(tables[table])),
    },
  };
}

/** rds_replication, and its like, exist on managed services alone. */
const serverQuery = `
SELECT current_setting('server_version_num')::int AS "version",
       pg_is_in_recovery() AS "standby",
       current_setting('wal_level') AS "walLevel",
       current_setting('max_replication_slots')::int AS "slotsMax",
       (SELECT count(*) FROM pg_replication_slots)::int AS "slotsUsed",
       current_setting('max_wal_senders')::int AS "sendersMax",
       (SELECT count(*) FROM pg_stat_replication)::int AS "sendersUsed",
       current_user AS "role",
       rolsuper AS "superuser",
       rolsuper OR rolreplication OR EXISTS (
         SELECT FROM pg_roles AS managed
         WHERE managed.rolname IN ('rds_replication', 'rds_superuser')
           AND pg_has_role(current_user, managed.oid, 'member')) AS "mayReplicate",
       has_database_privilege(current_database(), 'CREATE') AS "mayCreate",
       has_function_privilege('pg_logical_emit_message(boolean, text, text)', 'EXECUTE')
         AS "mayEmitMessages"
FROM pg_roles WHERE rolname = current_user`;

const schemaQuery = `
SELECT has_schema_privilege(oid, 'USAGE') AS "usage" FROM pg_namespace WHERE nspname = $1`;

const slotQuery = `
SELECT plugin, database, active, wal_status AS "walStatus"
FROM pg_replication_slots WHERE slot_name = $1`;

const columnsOfIndex = (index: string) => `
  (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')
   FROM pg_attribute a WHERE a.attrelid = ${index}.indrelid AND a.attnum = ANY (${index}.indkey))`;

const tablesQuery = `
SELECT c.relname AS "name",
       pg_has_role(c.relowner, 'USAGE') AS "owned",
       has_table_privilege(c.oid, 'SELECT') AS "maySelect",
       CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing'
                           WHEN 'f' THEN 'full' ELSE 'index' END AS "identity",
       coalesce((SELECT ${columnsOfIndex('i')} FROM pg_index i
                 WHERE i.indrelid = c.oid AND CASE c.relreplident
                   WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
                 LIMIT 1), '[]') AS "identityColumns",
       (SELECT coalesce(json_agg(json_build_object('index', x.relname, 'columns', ${columnsOfIndex('i')})
                                 ORDER BY x.relname), '[]')
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
          AND i.indexprs IS NULL AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
              AND NOT a.attnotnull)) AS "candidates",
       (SELECT coalesce(json_agg(json_build_object(
          'name', a.attname,
          'type', format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL),
          'nullable', NOT a.attnotnull,
          'default', pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum), '[]')
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS "columns"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p')`;

const publicationQuery = `
SELECT pg_has_role(p.pubowner, 'USAGE') AS "owned",
       p.puballtables AS "allTables",
       (SELECT coalesce(json_agg(t.tablename ORDER BY t.tablename), '[]')
        FROM pg_publication_tables t
        WHERE t.pubname = p.pubname AND t.schemaname = $2) AS "tables",
       (SELECT coalesce(json_agg(o.name), '[]')
        FROM (VALUES ('insert', p.pubinsert), ('update', p.pubupdate),
                     ('delete', p.pubdelete), ('truncate', p.pubtruncate)) AS o (name, published)
        WHERE NOT o.published) AS "missingOperations"
FROM pg_publication p WHERE p.pubname = $1`;
