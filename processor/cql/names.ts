/** Names on the CQL side. Every identifier is quoted, so no column can collide with a keyword. */
import type { ReadModel } from '../engine/store.ts';

export const controlTables = {
  readModels: 'read_models',
  checkpoints: 'checkpoints',
  state: 'conversation_state',
  content: 'conversation_content',
  hints: 'turn_sessions',
} as const;

/** `<projection>_v<version>_g<generation>` */
export function tableName({ shape, generation }: ReadModel): string {
  return `${shape.projection}_v${shape.version}_g${generation}`;
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function qualified(keyspace: string, table: string): string {
  return `${quoted(keyspace)}.${quoted(table)}`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function listed(identifiers: readonly string[]): string {
  return identifiers.map(quoted).join(', ');
}

/** `"a" = ? AND "b" = ?` */
export function matching(identifiers: readonly string[]): string {
  return identifiers.map((identifier) => `${quoted(identifier)} = ?`).join(' AND ');
}

export function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ');
}
