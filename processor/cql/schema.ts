/**
 * Applying the DDL of ddl.ts: one statement after the other, each waited for until all nodes
 * agree on the schema. Everything is `IF NOT EXISTS`: applying again changes nothing.
 */

import type { ReadModel } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import { controlDdl, readModelDdl, type SchemaOptions } from './ddl.ts';
import type { CqlSession, SchemaSession } from './session.ts';

/** All that a cluster needs, as CQL, in the order in which it is to be applied. */
export function schemaDdl(options: SchemaOptions, models: readonly ReadModel[]): readonly string[] {
  return [...controlDdl(options), ...models.map((model) => readModelDdl(options, model))];
}

/** What `schema print` shows: each statement with its semicolon, to be piped into cqlsh. */
export function printSchema(options: SchemaOptions, models: readonly ReadModel[]): string {
  return schemaDdl(options, models)
    .map((statement) => `${statement};\n`)
    .join('\n');
}

/** Creates keyspace, control tables and the read models' tables that are missing. */
export async function applySchema(
  session: SchemaSession,
  options: SchemaOptions,
  models: readonly ReadModel[],
): Promise<void> {
  await applyDdl(session, schemaDdl(options, models));
}

export async function applyDdl(session: SchemaSession, ddl: readonly string[]): Promise<void> {
  for (const statement of ddl) {
    const [first = ''] = statement.split('\n', 1);
    if (await session.define(`applying ${first}`, statement)) continue;
    throw new TurnstreamError(
      'SCHEMA',
      `the nodes did not agree on the schema after ${first}; look for a node that is down or split off, then apply again`,
      { retriable: true },
    );
  }
}

/** Names and types of a table's columns; empty when there is no such table. */
export async function tableColumns(
  session: CqlSession,
  keyspace: string,
  table: string,
): Promise<ReadonlyMap<string, string>> {
  const query =
    'SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?';
  const params = [keyspace, table].map((name) => Buffer.from(name));
  const rows = await session.read(`looking up table ${table}`, { query, params });
  return new Map(rows.map((row) => [String(row['column_name']), String(row['type'])]));
}
