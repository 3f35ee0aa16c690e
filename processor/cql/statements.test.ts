import { expect, test } from 'vitest';
import type { ReadModel } from '../engine/store.ts';
import type { CqlType } from '../projection/columns.ts';
import type { TableShape } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import { checkpointOf, checkpointStatements } from './control-statements.ts';
import { amongRuns } from './names.ts';
import { readModelStatements } from './statements.ts';
import { bigintValue, doubleValue, intValue, textValue } from './values.ts';

const column = (cqlName: string, cql: CqlType) => ({
  name: cqlName,
  cqlName,
  cql,
  nullable: false,
});

const map: ReadModel = {
  generation: 3,
  shape: {
    projection: 'turns_by_account',
    version: 2,
    kind: 'map',
    partition: [column('account_uid', 'text'), column('month', 'date')],
    clustering: [{ ...column('created_at', 'timestamp'), order: 'desc' }],
    values: [column('role', 'text'), column('steps', 'int')],
  },
};

const aggregate: ReadModel = {
  generation: 1,
  shape: {
    ...map.shape,
    projection: 'counts',
    version: 1,
    kind: 'aggregate',
    partition: [column('day', 'date')],
    clustering: [{ ...column('metric', 'text'), order: 'asc' }],
    values: [column('count', 'bigint')],
  } satisfies TableShape,
};

const at = 5 as Position;
const day0 = Buffer.from([0x80, 0, 0, 0]);

test('a row is written whole, under its position', () => {
  const { upsert } = readModelStatements('app', map);
  expect(upsert(['a', 0, 7.9], [null, -1], at)).toEqual({
    query:
      'INSERT INTO "app"."turns_by_account_v2_g3" ("account_uid", "month", "created_at", "role", "steps") VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?',
    params: [textValue('a'), day0, bigintValue(7), null, intValue(-1), bigintValue(5)],
  });
});

test('a delete names the whole key, under its position', () => {
  const { remove } = readModelStatements('app', map);
  expect(remove(['a', 0, 7], at)).toEqual({
    query:
      'DELETE FROM "app"."turns_by_account_v2_g3" USING TIMESTAMP ? WHERE "account_uid" = ? AND "month" = ? AND "created_at" = ?',
    params: [bigintValue(5), textValue('a'), day0, bigintValue(7)],
  });
});

test('totals carry their shard and their position, as value and as timestamp', () => {
  const { upsertTotals } = readModelStatements('app', aggregate);
  expect(upsertTotals([0, 'm'], 11, [99], at)).toEqual({
    query:
      'INSERT INTO "app"."counts_v1_g1" ("day", "metric", "shard", "count", "position") VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?',
    params: [day0, textValue('m'), intValue(11), bigintValue(99), bigintValue(5), bigintValue(5)],
  });
});

test('totals are read by the keys of one CQL partition, and shard', () => {
  const { selectTotals } = readModelStatements('app', aggregate);
  const keys = [
    [0, 'm'],
    [0, 'n'],
  ];
  expect(selectTotals(keys, 11)).toEqual({
    query:
      'SELECT "metric", "shard", "count", "position" FROM "app"."counts_v1_g1" WHERE "day" = ? AND ("metric", "shard") IN ((?, ?), (?, ?))',
    params: [day0, textValue('m'), intValue(11), textValue('n'), intValue(11)],
  });
});

test('long lists of keys are cut, and filled up to few different lengths', () => {
  const runs = amongRuns(Array.from({ length: 131 }, (_, n) => n));
  expect(runs.map((run) => run.length)).toEqual([64, 64, 4]);
  expect(runs[2]).toEqual([128, 129, 130, 130]);
  expect(amongRuns([1])).toEqual([[1]]);
  expect(amongRuns([])).toEqual([]);
});

test('a table is read whole, or one partition of it up to a limit', () => {
  expect(readModelStatements('app', aggregate).selectAll()).toEqual({
    query: 'SELECT "day", "metric", "shard", "count", "position" FROM "app"."counts_v1_g1"',
    params: [],
  });
  expect(readModelStatements('app', map).selectPartition(['a', 0], 50)).toEqual({
    query:
      'SELECT "account_uid", "month", "created_at", "role", "steps" FROM "app"."turns_by_account_v2_g3" WHERE "account_uid" = ? AND "month" = ? LIMIT ?',
    params: [textValue('a'), day0, intValue(50)],
  });
});

test('a write without a position is an error, not the time of the server (I9)', () => {
  const { upsert, remove } = readModelStatements('app', map);
  const forgotten = undefined as unknown as Position;
  expect(() => upsert(['a', 0, 7], ['r', 1], forgotten)).toThrow('cannot be stored as bigint');
  expect(() => remove(['a', 0, 7], forgotten)).toThrow('cannot be stored as bigint');
});

test('a key or a row of another length is an error', () => {
  const { upsert } = readModelStatements('app', map);
  expect(() => upsert(['a', 0], ['r', 1], at)).toThrow('2 cells were given for 3 columns');
  expect(() => upsert(['a', 0, 7], ['r'], at)).toThrow('1 cells were given for 2 columns');
});

test('a checkpoint is written under its own position and holds no null', () => {
  const { save, load } = checkpointStatements('app');
  const checkpoint = { offset: 8, position: 5, watermark: null, deadLetters: 1 };
  const key = [textValue('turns_by_account'), intValue(2), intValue(3)];
  expect(save(map, 4, checkpoint)).toEqual({
    query:
      'INSERT INTO "app"."checkpoints" ("projection", "version", "generation", "partition", "offset", "position", "watermark_lsn", "watermark_at", "dead_letters") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?',
    params: [
      ...key,
      intValue(4),
      bigintValue(8),
      bigintValue(5),
      bigintValue(0),
      doubleValue(0),
      bigintValue(1),
      bigintValue(5),
    ],
  });
  expect(load(map)).toEqual({
    query:
      'SELECT "partition", "offset", "position", "watermark_lsn", "watermark_at", "dead_letters" FROM "app"."checkpoints" WHERE "projection" = ? AND "version" = ? AND "generation" = ?',
    params: key,
  });
});

test('a checkpoint is read as the driver decodes it', () => {
  const row = { partition: 4, offset: 8n, position: 5n, watermark_at: 1.125, dead_letters: 0n };
  expect(checkpointOf({ ...row, watermark_lsn: 7n })).toEqual({
    offset: 8,
    position: 5,
    watermark: { lsn: 7 as Lsn, committedAt: 1.125 },
    deadLetters: 0,
  });
  expect(checkpointOf({ ...row, watermark_lsn: 0n }).watermark).toBeNull();
});
