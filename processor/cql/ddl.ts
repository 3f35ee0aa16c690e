/**
 * The tables, as CQL that Cassandra 5 and ScyllaDB both take; where they differ the dialect says
 * so. A definition's change is a new version and so a new table: nothing is ever altered. Late
 * writes must not meet a purged tombstone, hence gc_grace at ten days and, on ScyllaDB, tombstones
 * kept for that time whatever repair does. Pure.
 */
import type { ReadModel } from '../engine/store.ts';
import type { ClusteringColumn, TableShape } from '../projection/projection.ts';
import { controlTables, listed, literal, qualified, quoted, tableName } from './names.ts';
import { positionColumn, shardColumn } from './statements.ts';

export type Dialect = 'cassandra' | 'scylladb';

export type SchemaOptions = {
  readonly keyspace: string;
  readonly dialect: Dialect;
  /** Copies of every row, by data centre. */
  readonly replication: Readonly<Record<string, number>>;
};

type Table = {
  readonly name: string;
  readonly comment: string;
  /** Name and type, in order. */
  readonly columns: readonly (readonly [string, string])[];
  readonly partition: readonly string[];
  readonly clustering: readonly (readonly [string, 'asc' | 'desc'])[];
  /** Rows are rewritten again and again, or read one by one. */
  readonly rewritten: boolean;
};

const gcGraceSeconds = 10 * 24 * 60 * 60;

export function keyspaceDdl({ keyspace, replication }: SchemaOptions): string {
  const copies = Object.entries(replication).map(([name, count]) => `, ${literal(name)}: ${count}`);
  return `CREATE KEYSPACE IF NOT EXISTS ${quoted(keyspace)} WITH replication = {'class': 'NetworkTopologyStrategy'${copies.join('')}}`;
}

/** Keyspace and control tables; what a fresh installation needs besides its read models. */
export function controlDdl(options: SchemaOptions): readonly string[] {
  return [keyspaceDdl(options), ...control.map((table) => tableDdl(options, table))];
}

export function readModelDdl(options: SchemaOptions, model: ReadModel): string {
  return tableDdl(options, readModelTable(model));
}

/** Column names and types of a read model's table, as the schema tables spell them. */
export function readModelColumns(model: ReadModel): ReadonlyMap<string, string> {
  return new Map(readModelTable(model).columns);
}

function readModelTable(model: ReadModel): Table {
  const { shape } = model;
  const aggregate = shape.kind === 'aggregate';
  const shard: readonly [string, string][] = aggregate ? [[shardColumn, 'int']] : [];
  const position: readonly [string, string][] = aggregate ? [[positionColumn, 'bigint']] : [];
  return {
    name: tableName(model),
    comment: `Turnstream read model ${shape.projection}, version ${shape.version}, generation ${model.generation}. Write timestamps are positions: never write here by hand.`,
    columns: [
      ...typed(shape.partition),
      ...typed(shape.clustering),
      ...shard,
      ...typed(shape.values),
      ...position,
    ],
    partition: shape.partition.map(({ cqlName }) => cqlName),
    clustering: [
      ...shape.clustering.map(orderOf),
      ...shard.map(([name]) => [name, 'asc'] as const),
    ],
    rewritten: aggregate,
  };
}

function typed(columns: TableShape['values']): readonly (readonly [string, string])[] {
  return columns.map(({ cqlName, cql }) => [cqlName, cql] as const);
}

function orderOf({ cqlName, order }: ClusteringColumn): readonly [string, 'asc' | 'desc'] {
  return [cqlName, order];
}

function tableDdl({ keyspace, dialect }: SchemaOptions, table: Table): string {
  const columns = table.columns.map(([name, type]) => `  ${quoted(name)} ${type},\n`).join('');
  const clustering = table.clustering.map(([name]) => `, ${quoted(name)}`).join('');
  const order = table.clustering.map(([name, way]) => `${quoted(name)} ${way.toUpperCase()}`);
  const strategy = table.rewritten ? 'LeveledCompactionStrategy' : 'SizeTieredCompactionStrategy';
  const properties = [
    ...(order.length > 0 ? [`CLUSTERING ORDER BY (${order.join(', ')})`] : []),
    `comment = ${literal(table.comment)}`,
    `compaction = {'class': '${strategy}'}`,
    `gc_grace_seconds = ${gcGraceSeconds}`,
    ...(dialect === 'scylladb' ? ["tombstone_gc = {'mode': 'timeout'}"] : []),
  ];
  return `CREATE TABLE IF NOT EXISTS ${qualified(keyspace, table.name)} (\n${columns}  PRIMARY KEY ((${listed(table.partition)})${clustering})\n) WITH ${properties.join('\n  AND ')}`;
}

const stateKey = [
  ['container', 'text'],
  ['kind', 'text'],
  ['uid', 'text'],
  ['idx', 'int'],
  ['other', 'text'],
] as const;

const control: readonly Table[] = [
  {
    name: controlTables.generations,
    comment:
      'The builds of read models, which of them readers use, and who builds one. Conditional writes only: never write here by hand.',
    columns: [
      ['projection', 'text'],
      ['version', 'int'],
      ['generation', 'int'],
      ['live_version', 'int STATIC'],
      ['live_generation', 'int STATIC'],
      ['live_table', 'text STATIC'],
      ['live_promoted_at', 'timestamp STATIC'],
      ['lease_owner', 'text STATIC'],
      ['lease_about', 'text STATIC'],
      ['lease_until', 'timestamp STATIC'],
      ['table_name', 'text'],
      ['created_at', 'timestamp'],
      ['until_lsn', 'bigint'],
      ['until_at', 'double'],
      ['built_at', 'timestamp'],
      ['promoted_at', 'timestamp'],
      ['dropped_at', 'timestamp'],
    ],
    partition: ['projection'],
    clustering: [
      ['version', 'asc'],
      ['generation', 'asc'],
    ],
    rewritten: true,
  },
  {
    name: controlTables.holds,
    comment:
      'Projections whose totals are being repaired. Conditional writes only: never write here by hand.',
    columns: [
      ['projection', 'text'],
      ['hold_owner', 'text'],
      ['hold_until', 'timestamp'],
    ],
    partition: ['projection'],
    clustering: [],
    rewritten: true,
  },
  {
    name: controlTables.checkpoints,
    comment: 'Resume points of the workers. Write timestamps are positions.',
    columns: [
      ['projection', 'text'],
      ['version', 'int'],
      ['generation', 'int'],
      ['partition', 'int'],
      ['offset', 'bigint'],
      ['position', 'bigint'],
      ['watermark_lsn', 'bigint'],
      ['watermark_at', 'double'],
      ['dead_letters', 'bigint'],
    ],
    partition: ['projection', 'version', 'generation'],
    clustering: [['partition', 'asc']],
    rewritten: true,
  },
  {
    name: controlTables.state,
    comment: 'What the sequencer knows of conversations. Write timestamps are positions.',
    columns: [
      ...stateKey,
      ['position', 'bigint STATIC'],
      ['tail', 'text STATIC'],
      ['lsn', 'bigint'],
      ['seen', 'bigint'],
      ['present', 'boolean'],
      ['expires', 'boolean'],
      ['body', 'text'],
      ['text', 'text'],
      ['text_position', 'bigint'],
      ['text_chunks', 'int'],
    ],
    partition: ['container'],
    clustering: [
      ['kind', 'asc'],
      ['uid', 'asc'],
      ['idx', 'asc'],
      ['other', 'asc'],
    ],
    rewritten: true,
  },
  {
    name: controlTables.content,
    comment: 'Large texts of conversation_state. Write timestamps are positions.',
    columns: [...stateKey, ['position', 'bigint'], ['chunk', 'int'], ['content', 'blob']],
    partition: ['container', 'kind', 'uid', 'idx', 'other'],
    clustering: [
      ['position', 'asc'],
      ['chunk', 'asc'],
    ],
    rewritten: false,
  },
  {
    name: controlTables.hints,
    comment: 'Sessions that may hold a turn. Write timestamps are positions.',
    columns: [
      ['role', 'text'],
      ['turn_uid', 'text'],
      ['session_uid', 'text'],
    ],
    partition: ['role', 'turn_uid'],
    clustering: [['session_uid', 'asc']],
    rewritten: false,
  },
  {
    name: controlTables.deadLetters,
    comment: 'What projections and the sequencer set aside. Write timestamps are positions.',
    columns: [
      ['projection', 'text'],
      ['version', 'int'],
      ['generation', 'int'],
      ['partition', 'int'],
      ['offset', 'bigint'],
      ['position', 'bigint'],
      ['event_type', 'text'],
      ['session_uid', 'text'],
      ['error', 'text'],
      ['at', 'timestamp'],
      ['tries', 'int'],
      ['tried_at', 'bigint'],
      ['tried_error', 'text'],
      ['retried_at', 'bigint'],
      ['discarded_at', 'bigint'],
    ],
    partition: ['projection', 'version', 'generation', 'partition'],
    clustering: [['offset', 'asc']],
    rewritten: true,
  },
];
