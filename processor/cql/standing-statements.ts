/**
 * Statements that read a row with the time of its writing, and that write one at a timestamp which is no position:
 * for verification and its repairs alone (processor/verify/). Everything else goes by statements.ts (I9). Pure.
 */
import type { ReadModel } from '../engine/store.ts';
import type { Key, TableColumn } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';
import { among, listed, matching, qualified, quoted, tableName } from './names.ts';
import { positionColumn, readModelStatements, type Statement, shardColumn } from './statements.ts';
import { bigintValue, type CqlValue, cellValue, intValue } from './values.ts';

export type Addressed = { readonly key: Key; readonly shard: number | null };

export type StandingStatements = {
  /** Rows whose partition has a token from `first` to `last`. */
  readonly range: (first: bigint, last: bigint) => Statement;
  /** Rows of one CQL partition. */
  readonly some: (rows: readonly Addressed[]) => Statement;
  readonly put: (
    row: Addressed & { readonly values: readonly CellOf[]; readonly position: number | null },
    at: bigint,
  ) => Statement;
  /** Of a map: a row of totals is never deleted. */
  readonly remove: (row: Addressed, at: bigint) => Statement;
};

type CellOf = Key[number];

/** Of the write timestamp of the column. */
export function writetimeName(column: string): string {
  return `written ${column}`;
}

export function standingStatements(keyspace: string, model: ReadModel): StandingStatements {
  const { shape } = model;
  const table = qualified(keyspace, tableName(model));
  const isAggregate = shape.kind === 'aggregate';
  const partition = namesOf(shape.partition);
  const inner = [...namesOf(shape.clustering), ...(isAggregate ? [shardColumn] : [])];
  const values = [...namesOf(shape.values), ...(isAggregate ? [positionColumn] : [])];
  const times = values.map(
    (name) => `WRITETIME(${quoted(name)}) AS ${quoted(writetimeName(name))}`,
  );
  const columns = [listed([...partition, ...inner, ...values]), ...times].join(', ');
  const select = `SELECT ${columns} FROM ${table}`;
  const token = `token(${listed(partition)})`;
  const writes = readModelStatements(keyspace, model);
  const none = 0 as Position;
  return {
    range: (first, last) => ({
      query: `${select} WHERE ${token} >= ? AND ${token} <= ?`,
      params: [timestampValue(first), timestampValue(last)],
    }),
    some: (rows) => {
      const of = cells(shape.partition, (rows[0]?.key ?? []).slice(0, partition.length));
      const where = `${select} WHERE ${matching(partition)}`;
      if (inner.length === 0) return { query: where, params: of };
      return {
        query: `${where} AND ${among(inner, rows.length)}`,
        params: [...of, ...rows.flatMap((row) => innerCells(shape, row))],
      };
    },
    put: ({ key, shard, values: of, position }, at) => {
      if (shard === null) return timed(writes.upsert(key, of, none), -1, at);
      const totals = writes.upsertTotals(key, shard, of.map(Number), none);
      return timed(
        { ...totals, params: totals.params.with(-2, bigintValue(position ?? 0)) },
        -1,
        at,
      );
    },
    remove: ({ key }, at) => timed(writes.remove(key, none), 0, at),
  };
}

function innerCells(shape: ReadModel['shape'], { key, shard }: Addressed): readonly CqlValue[] {
  const own = cells(shape.clustering, key.slice(shape.partition.length));
  return shard === null ? own : [...own, intValue(shard)];
}

function cells(columns: readonly TableColumn[], of: Key): readonly CqlValue[] {
  return columns.map(({ cql }, at) => cellValue(cql, of[at] ?? null));
}

function namesOf(columns: readonly TableColumn[]): readonly string[] {
  return columns.map(({ cqlName }) => cqlName);
}

function timed({ query, params }: Statement, index: number, at: bigint): Statement {
  return { query, params: params.with(index, timestampValue(at)) };
}

/** 64 bits, signed: a timestamp that somebody gave by hand may be beyond the safe integers. */
function timestampValue(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
