/**
 * Every statement to a read model is built here (I9): a write without a position does not type-check,
 * and would not encode. Rows are written whole, by INSERT, so that a row has one timestamp. Pure.
 */

import type { ReadModel } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { Cell } from '../projection/columns.ts';
import type { Key, TableColumn } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';
import { among, listed, marks, matching, qualified, tableName } from './names.ts';
import { bigintValue, type CqlValue, cellEncoder, cellValue, intValue } from './values.ts';

export type Statement = { readonly query: string; readonly params: readonly CqlValue[] };

/** The statements of one table; the texts are built once. */
export type ReadModelStatements = {
  readonly upsert: (key: Key, values: readonly Cell[], position: Position) => Statement;
  readonly remove: (key: Key, position: Position) => Statement;
  readonly upsertTotals: (
    key: Key,
    shard: number,
    totals: readonly number[],
    position: Position,
  ) => Statement;
  /** Totals of keys in one CQL partition, with the rest of their key, in no order. */
  readonly selectTotals: (keys: readonly Key[], shard: number) => Statement;
  readonly selectAll: () => Statement;
  /** One CQL partition in clustering order. */
  readonly selectPartition: (partition: readonly Cell[], rowsMax: number) => Statement;
};

/** Columns that cql/ adds to an aggregate. */
export const shardColumn = 'shard';
export const positionColumn = 'position';

export function readModelStatements(keyspace: string, model: ReadModel): ReadModelStatements {
  const { shape } = model;
  const table = qualified(keyspace, tableName(model));
  const aggregate = shape.kind === 'aggregate';
  const keyColumns = [...shape.partition, ...shape.clustering];
  const keyNames = [...namesOf(keyColumns), ...(aggregate ? [shardColumn] : [])];
  const valueNames = [...namesOf(shape.values), ...(aggregate ? [positionColumn] : [])];
  const names = [...keyNames, ...valueNames];
  const keyCells = encoderOf(keyColumns);
  const valueCells = encoderOf(shape.values);
  const insert = `INSERT INTO ${table} (${listed(names)}) VALUES (${marks(names.length)}) USING TIMESTAMP ?`;
  const remove = `DELETE FROM ${table} USING TIMESTAMP ? WHERE ${matching(keyNames)}`;
  const select = `SELECT ${listed(names)} FROM ${table}`;
  const partitionNames = namesOf(shape.partition);
  const innerNames = [...namesOf(shape.clustering), shardColumn];
  const selectPartition = `${select} WHERE ${matching(partitionNames)} LIMIT ?`;
  return {
    upsert: (key, values, position) => {
      const params = new Array<CqlValue>(names.length + 1);
      keyCells(key, params, 0);
      valueCells(values, params, keyNames.length);
      params[names.length] = bigintValue(position);
      return { query: insert, params };
    },
    remove: (key, position) => {
      const params = new Array<CqlValue>(1 + keyNames.length);
      params[0] = bigintValue(position);
      keyCells(key, params, 1);
      return { query: remove, params };
    },
    upsertTotals: (key, shard, totals, position) => {
      const params = new Array<CqlValue>(names.length + 1);
      const at = bigintValue(position);
      keyCells(key, params, 0);
      params[keyColumns.length] = intValue(shard);
      valueCells(totals, params, keyNames.length);
      params[names.length - 1] = at;
      params[names.length] = at;
      return { query: insert, params };
    },
    selectTotals: (keys, shard) => ({
      query: `SELECT ${listed([...innerNames, ...valueNames])} FROM ${table} WHERE ${matching(partitionNames)} AND ${among(innerNames, keys.length)}`,
      params: [
        ...cells(shape.partition, (keys[0] ?? []).slice(0, partitionNames.length)),
        ...keys.flatMap((key) => [
          ...cells(shape.clustering, key.slice(partitionNames.length)),
          intValue(shard),
        ]),
      ],
    }),
    selectAll: () => ({ query: select, params: [] }),
    selectPartition: (partition, rowsMax) => ({
      query: selectPartition,
      params: [...cells(shape.partition, partition), intValue(rowsMax)],
    }),
  };
}

function namesOf(columns: readonly TableColumn[]): readonly string[] {
  return columns.map(({ cqlName }) => cqlName);
}

function cells(columns: readonly TableColumn[], of: readonly Cell[]): CqlValue[] {
  checkCount(columns, of);
  return columns.map(({ cql }, at) => cellValue(cql, of[at] ?? null));
}

/**
 * Hot path: the cells of a row into `params`, from `start` on. What a column had last is kept with its
 * bytes, since rows of one CQL partition follow each other and have most of their key in common.
 */
function encoderOf(columns: readonly TableColumn[]) {
  const encoders = columns.map(({ cql }) => cellEncoder(cql));
  return (of: readonly Cell[], params: CqlValue[], start: number): void => {
    checkCount(columns, of);
    for (let at = 0; at < encoders.length; at += 1) {
      params[start + at] = encoders[at]?.(of[at] ?? null) ?? null;
    }
  };
}

function checkCount(columns: readonly TableColumn[], of: readonly Cell[]): void {
  if (of.length === columns.length) return;
  throw new TurnstreamError('STORE', `${of.length} cells were given for ${columns.length} columns`);
}
