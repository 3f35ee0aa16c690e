/**
 * Applying the DDL of ddl.ts: one statement after the other, each waited for until all nodes
 * agree on the schema. Everything is `IF NOT EXISTS`: applying again changes nothing.
 */

import type { ReadModel } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { CqlSession } from './cluster.ts';
import { controlDdl, readModelDdl, type SchemaOptions } from './ddl.ts';
import { storeError } from './errors.ts';

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
  session: CqlSession,
  options: SchemaOptions,
  models: readonly ReadModel[],
): Promise<void> {
  await applyDdl(session, schemaDdl(options, models));
}

export async function applyDdl(session: CqlSession, ddl: readonly string[]): Promise<void> {
  for (const statement of ddl) {
    const [first = ''] = statement.split('\n', 1);
    try {
      const { info } = await session.client.execute(statement);
      if (agreed(info)) continue;
    } catch (error) {
      throw storeError(`applying ${first}`, error);
    }
    throw new TurnstreamError(
      'SCHEMA',
      `the nodes did not agree on the schema after ${first}; look for a node that is down or split off, then apply again`,
      { retriable: true },
    );
  }
}

/** The driver's types leave it out. */
function agreed(info: object): boolean {
  return (info as { readonly isSchemaInAgreement?: boolean }).isSchemaInAgreement === true;
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
