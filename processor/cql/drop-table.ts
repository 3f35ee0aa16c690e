/** Dropping the table of a generation that nobody reads any more (replay/dropping.ts decides which). */
import type { ReadModel } from '../engine/store.ts';
import { qualified, tableName } from './names.ts';
import { applyDdl } from './schema.ts';
import type { SchemaSession } from './session.ts';

export function dropTableDdl(keyspace: string, model: ReadModel): string {
  return `DROP TABLE IF EXISTS ${qualified(keyspace, tableName(model))}`;
}

/** What is not there is dropped. Rejects with SCHEMA when the nodes do not agree afterwards. */
export async function dropTable(
  session: SchemaSession,
  keyspace: string,
  model: ReadModel,
): Promise<void> {
  await applyDdl(session, [dropTableDdl(keyspace, model)]);
}
