/** A table of the simulated cluster, from its DDL: columns by their role, and its CQL partitions. */
import type { Copy } from './copy.ts';
import { type TableName, tableName } from './grammar.ts';
import { Reader } from './reader.ts';
import { isStoredType, type StoredType, typeRules } from './types.ts';

export type Column = {
  readonly name: string;
  readonly type: StoredType;
  readonly role: 'partition' | 'clustering' | 'static' | 'regular';
  /** Among those of its role. */
  readonly at: number;
  readonly descending: boolean;
};

/** A CQL partition, with a copy on each replica. */
export type Partition = {
  readonly table: Table;
  readonly name: string;
  readonly key: readonly Buffer[];
  readonly token: number;
  readonly copies: readonly Copy[];
  /** Mutations that some replicas have and others do not. While there are none, all copies are equal. */
  uneven: number;
};

export type Table = TableName & {
  /** For labels: a read model's without its version and generation. */
  readonly label: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly partition: readonly Column[];
  readonly clustering: readonly Column[];
  readonly statics: readonly Column[];
  readonly regulars: readonly Column[];
  readonly partitions: Map<string, Partition>;
  /** In token order; null when one was added since it was made. */
  byToken: readonly Partition[] | null;
};

export type Definition =
  | { readonly kind: 'keyspace'; readonly keyspace: string }
  | { readonly kind: 'table'; readonly table: Table };

const properties = new Set(['comment', 'compaction', 'gc_grace_seconds', 'tombstone_gc']);

export function definitionOf(ddl: string): Definition {
  const reader = new Reader(ddl);
  if (reader.has('CREATE', 'KEYSPACE', 'IF', 'NOT', 'EXISTS')) {
    const keyspace = reader.name();
    reader.needs('WITH', 'REPLICATION');
    reader.sign('=');
    constantOrMap(reader);
    reader.end();
    return { kind: 'keyspace', keyspace };
  }
  reader.needs('CREATE', 'TABLE', 'IF', 'NOT', 'EXISTS');
  const table = tableOf(reader);
  reader.end();
  return { kind: 'table', table };
}

function tableOf(reader: Reader): Table {
  const name = tableName(reader);
  const types: { readonly name: string; readonly type: StoredType; readonly isStatic: boolean }[] =
    [];
  let partition: readonly string[] = [];
  const clustering: string[] = [];
  reader.inBrackets(() => {
    if (reader.has('PRIMARY', 'KEY')) {
      reader.sign('(');
      partition = reader.inBrackets(() => reader.name());
      while (reader.hasSign(',')) clustering.push(reader.name());
      reader.sign(')');
      return;
    }
    const column = reader.name();
    const type = reader.name();
    if (!isStoredType(type)) return reader.refuse('a known type');
    types.push({ name: column, type, isStatic: reader.has('STATIC') });
  });
  const descending = reader.has('WITH') ? tableProperties(reader) : new Set<string>();
  const counts = { partition: 0, clustering: 0, static: 0, regular: 0 };
  const all = types.map(({ name: column, type, isStatic }): Column => {
    const [inPartition, inClustering] = [partition.indexOf(column), clustering.indexOf(column)];
    const key = inPartition >= 0 ? 'partition' : inClustering >= 0 ? 'clustering' : null;
    const role = key ?? (isStatic ? 'static' : 'regular');
    const at = key === null ? counts[role]++ : Math.max(inPartition, inClustering);
    return { name: column, type, role, at, descending: descending.has(column) };
  });
  const of = (role: Column['role']) =>
    all.filter((column) => column.role === role).sort((one, other) => one.at - other.at);
  return {
    ...name,
    label: name.table.replace(/_v\d+_g\d+$/, ''),
    columns: new Map(all.map((column) => [column.name, column])),
    partition: of('partition'),
    clustering: of('clustering'),
    statics: of('static'),
    regulars: of('regular'),
    partitions: new Map(),
    byToken: null,
  };
}

/** The descending columns; what else there may be has no effect here. */
function tableProperties(reader: Reader): ReadonlySet<string> {
  const descending = new Set<string>();
  do {
    if (reader.has('CLUSTERING', 'ORDER', 'BY')) {
      reader.inBrackets(() => {
        const column = reader.name();
        if (reader.has('DESC')) descending.add(column);
        else reader.needs('ASC');
      });
      continue;
    }
    if (!properties.has(reader.name())) reader.refuse([...properties].join(', '));
    reader.sign('=');
    constantOrMap(reader);
  } while (reader.has('AND'));
  return descending;
}

function constantOrMap(reader: Reader): void {
  if (!reader.hasSign('{')) {
    reader.constant();
    return;
  }
  reader.list(() => {
    reader.constant();
    reader.sign(':');
    reader.constant();
  });
  reader.sign('}');
}

/** Tells keys apart: no two of the same table have the same name. */
export function keyName(key: readonly Buffer[]): string {
  if (key.length === 1) return (key[0] as Buffer).toString('latin1');
  let name = '';
  for (const value of key) {
    name += String.fromCharCode(value.length) + value.toString('latin1');
  }
  return name;
}

export function compareClustering(
  { clustering }: Table,
  one: readonly Buffer[],
  other: readonly Buffer[],
): number {
  for (const { type, at, descending } of clustering) {
    const order = typeRules[type].compare(one[at] as Buffer, other[at] as Buffer);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

/** Any fixed order will do; this one is not that of the keys. */
export function tokenOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

export function partitionsByToken(table: Table): readonly Partition[] {
  table.byToken ??= [...table.partitions.values()].sort(
    (one, other) => one.token - other.token || (one.name < other.name ? -1 : 1),
  );
  return table.byToken;
}
