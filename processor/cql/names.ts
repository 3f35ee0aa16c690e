/** Names on the CQL side. Every identifier is quoted, so no column can collide with a keyword. */
import type { ReadModel } from '../engine/store.ts';

export const controlTables = {
  generations: 'generations',
  holds: 'totals_holds',
  checkpoints: 'checkpoints',
  state: 'conversation_state',
  content: 'conversation_content',
  hints: 'turn_sessions',
  deadLetters: 'dead_letters',
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

/** `("a", "b") IN ((?, ?), (?, ?))` */
export function among(identifiers: readonly string[], count: number): string {
  const tuple = `(${marks(identifiers.length)})`;
  const tuples = Array.from({ length: count }, () => tuple).join(', ');
  return `(${listed(identifiers)}) IN (${tuples})`;
}

/** Portable CQL takes at most 100 values; few different lengths make few prepared statements. */
export const amongMax = 64;

/** Cuts into runs that `among` takes, each filled up to a power of two with its last item. */
export function amongRuns<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const runs: (readonly Item[])[] = [];
  for (let start = 0; start < items.length; start += amongMax) {
    const run = items.slice(start, start + amongMax);
    const length = 2 ** Math.ceil(Math.log2(run.length));
    const last = run.at(-1);
    while (last !== undefined && run.length < length) run.push(last);
    runs.push(run);
  }
  return runs;
}
