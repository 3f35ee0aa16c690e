/**
 * Reading read models back: whole ones in pages, for tests and comparisons, and one CQL partition
 * up to a limit, for screens.
 */
import type { StoredRow, StoredTotalsRow } from '../engine/read-out.ts';
import type { ReadModel } from '../engine/store.ts';
import type { Cell } from '../projection/columns.ts';
import type { TableColumn } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';
import { tableName } from './names.ts';
import type { CqlSession, DecodedRow } from './session.ts';
import { positionColumn, readModelStatements, shardColumn } from './statements.ts';
import { cellOf } from './values.ts';

const pageRowsMax = 1_000;

/** All rows of a map, in token order. */
export async function readAll(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
): Promise<readonly StoredRow[]> {
  return (await readWhole(session, keyspace, model)).map((row) => storedRow(model, row));
}

/** All rows of an aggregate, zeros included, in token order. */
export async function readAllTotals(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
): Promise<readonly StoredTotalsRow[]> {
  return (await readWhole(session, keyspace, model)).map((row) => storedTotals(model, row));
}

/** The first rows of one CQL partition of a map, in clustering order. */
export async function readPartition(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
  partition: readonly Cell[],
  rowsMax: number,
): Promise<readonly StoredRow[]> {
  const rows = await readSome(session, keyspace, model, partition, rowsMax);
  return rows.map((row) => storedRow(model, row));
}

/** The first rows of one CQL partition of an aggregate, a row per key and shard. */
export async function readTotalsPartition(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
  partition: readonly Cell[],
  rowsMax: number,
): Promise<readonly StoredTotalsRow[]> {
  const rows = await readSome(session, keyspace, model, partition, rowsMax);
  return rows.map((row) => storedTotals(model, row));
}

async function readWhole(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
): Promise<readonly DecodedRow[]> {
  const { selectAll } = readModelStatements(keyspace, model);
  const doing = `reading ${tableName(model)}`;
  const all: DecodedRow[] = [];
  for await (const page of session.pages(doing, selectAll(), pageRowsMax)) all.push(...page);
  return all;
}

async function readSome(
  session: CqlSession,
  keyspace: string,
  model: ReadModel,
  partition: readonly Cell[],
  rowsMax: number,
): Promise<readonly DecodedRow[]> {
  const { selectPartition } = readModelStatements(keyspace, model);
  const doing = `reading a partition of ${tableName(model)}`;
  const found: DecodedRow[] = [];
  const statement = selectPartition(partition, rowsMax);
  for await (const page of session.pages(doing, statement, pageRowsMax)) found.push(...page);
  return found;
}

function storedRow({ shape }: ReadModel, row: DecodedRow): StoredRow {
  return {
    key: cells([...shape.partition, ...shape.clustering], row),
    values: cells(shape.values, row),
  };
}

function storedTotals({ shape }: ReadModel, row: DecodedRow): StoredTotalsRow {
  return {
    key: cells([...shape.partition, ...shape.clustering], row),
    shard: Number(row[shardColumn]),
    totals: shape.values.map(({ cqlName }) => Number(row[cqlName])),
    position: Number(row[positionColumn]) as Position,
  };
}

function cells(columns: readonly TableColumn[], row: DecodedRow): readonly Cell[] {
  return columns.map(({ cql, cqlName }) => cellOf(cql, row[cqlName]));
}
