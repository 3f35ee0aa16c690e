/**
 * A definition's columns as a table: partition columns first, in the order of `partitionBy`, then
 * the key's other columns in the order of their declaration. Whatever could not become a table,
 * a REST path or a metric label is refused here, once, before anything runs.
 */
import type { FactKind } from '../conversation/fact.ts';
import { TurnstreamError } from '../error.ts';
import type { Column, Columns } from './columns.ts';
import type { ClusteringColumn, TableColumn, TableShape } from './projection.ts';

/** A CQL table name has at most 48 characters; `_v<version>_g<generation>` needs the rest. */
export const nameCharsMax = 32;
export const versionMax = 9_999;

/** Names that cql/ adds to tables of totals, and parameters of the query API. */
const ownNames = new Set(['shard', 'position', 'cursor', 'wait_ms']);

/** The reserved words of CQL (Cassandra 5 and ScyllaDB together). */
const cqlWords = new Set(
  (
    'add allow alter and apply asc authorize batch begin by columnfamily create default delete desc ' +
    'describe drop entries execute from full grant if in index infinity insert into is keyspace limit ' +
    'materialized mbean mbeans modify nan norecursive not null of on or order password primary rename ' +
    'replace revoke schema scylla_clustering_bound scylla_counter_shard_list scylla_timeuuid_list_index ' +
    'select set table to token truncate unlogged unset update use using view where with'
  ).split(' '),
);

const factKinds: readonly FactKind[] = ['session', 'humanTurn', 'agentTurn', 'step'];

type Definition = {
  readonly name: string;
  readonly version: number;
  readonly key: Columns;
  readonly partitionBy: readonly string[];
  readonly order?: Readonly<Record<string, 'asc' | 'desc' | undefined>>;
};

/** Throws PROJECTION with what is wrong and what to do. `values` are an aggregate's totals. */
export function shapeOf(
  kind: TableShape['kind'],
  definition: Definition,
  values: Columns,
): TableShape {
  const { name, version, key, partitionBy, order = {} } = definition;
  checkName(name);
  if (!Number.isInteger(version) || version < 1 || version > versionMax) {
    refuse(name, `version is ${version}; it is a whole number from 1 to ${versionMax}`);
  }
  checkKey(name, key, partitionBy, order);
  checkValues(name, kind, key, values);
  const partition = partitionBy.map((column) => tableColumn(name, column, columnOf(key, column)));
  const clustering = Object.keys(key)
    .filter((column) => !partitionBy.includes(column))
    .map(
      (column): ClusteringColumn => ({
        ...tableColumn(name, column, columnOf(key, column)),
        order: order[column] ?? 'asc',
      }),
    );
  return {
    projection: name,
    version,
    kind,
    partition,
    clustering,
    values: Object.keys(values).map((column) =>
      tableColumn(name, column, columnOf(values, column)),
    ),
  };
}

/** What concerns people and the engine rather than the table. Throws PROJECTION. */
export function checkHeading(name: string, about: string, of: readonly FactKind[]): void {
  if (about.trim() === '') refuse(name, 'about is empty; say in one sentence what a row is');
  if (of.length === 0) refuse(name, 'of is empty; name the kinds of facts that it projects');
  for (const kind of of) {
    if (!factKinds.includes(kind)) {
      refuse(name, `there are no facts of kind '${kind}'; the kinds are ${factKinds.join(', ')}`);
    }
  }
  if (new Set(of).size < of.length) refuse(name, 'of names a kind of facts twice; name each once');
}

function checkName(name: string): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name) || name.length > nameCharsMax) {
    refuse(
      name,
      `the name must be lower-case letters, digits and underscores, start with a letter, and have at most ${nameCharsMax} characters`,
    );
  }
}

function checkKey(
  name: string,
  key: Columns,
  partitionBy: readonly string[],
  order: NonNullable<Definition['order']>,
): void {
  if (partitionBy.length === 0) {
    refuse(name, 'partitionBy is empty; name the key columns that make up a CQL partition');
  }
  if (new Set(partitionBy).size < partitionBy.length) {
    refuse(name, 'partitionBy names a column twice; name each once');
  }
  for (const column of partitionBy) {
    if (!Object.hasOwn(key, column)) {
      refuse(name, `partitionBy names '${column}', which is no column of the key`);
    }
  }
  for (const [column, { cql, nullable }] of Object.entries(key)) {
    if (nullable) {
      refuse(name, `key column '${column}' is nullable; give the absent case a value or no row`);
    }
    if (cql === 'double') {
      refuse(
        name,
        `key column '${column}' is a double; equal rows need exact keys, use int or text`,
      );
    }
  }
  for (const [column, direction] of Object.entries(order)) {
    if (!Object.hasOwn(key, column) || partitionBy.includes(column)) {
      refuse(
        name,
        `order names '${column}', which is no clustering column (key minus partitionBy)`,
      );
    }
    if (direction !== 'asc' && direction !== 'desc') {
      refuse(name, `order of '${column}' is '${direction}'; it is 'asc' or 'desc'`);
    }
  }
}

function checkValues(name: string, kind: TableShape['kind'], key: Columns, values: Columns): void {
  for (const [column, { cql, nullable }] of Object.entries(values)) {
    if (Object.hasOwn(key, column)) {
      refuse(name, `column '${column}' is in the key and again outside of it; keep one of them`);
    }
    if (kind === 'aggregate' && (cql !== 'bigint' || nullable)) {
      refuse(name, `total '${column}' must be a bigint that is not nullable`);
    }
  }
  if (kind === 'aggregate' && Object.keys(values).length === 0) {
    refuse(name, 'totals is empty; an aggregate needs at least one bigint column');
  }
}

function tableColumn(projection: string, name: string, column: Column): TableColumn {
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name) || name.length > nameCharsMax) {
    refuse(
      projection,
      `column '${name}' must be camelCase letters and digits, at most ${nameCharsMax} characters`,
    );
  }
  const cqlName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (ownNames.has(cqlName)) {
    refuse(projection, `column '${name}' has a name that Turnstream uses itself; choose another`);
  }
  if (cqlWords.has(cqlName)) {
    refuse(projection, `column '${name}' is a reserved word of CQL; choose another name`);
  }
  return { name, cqlName, cql: column.cql, nullable: column.nullable };
}

function columnOf(columns: Columns, name: string): Column {
  const column = columns[name];
  if (column === undefined) throw new Error(`no column ${name}`);
  return column;
}

function refuse(projection: string, reason: string): never {
  throw new TurnstreamError('PROJECTION', `projection '${projection}': ${reason}`);
}
