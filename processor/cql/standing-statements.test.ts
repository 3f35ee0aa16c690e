import { expect, test } from 'vitest';
import type { ReadModel } from '../engine/store.ts';
import type { CqlType } from '../projection/columns.ts';
import { standingStatements } from './standing-statements.ts';
import { bigintValue, intValue, textValue } from './values.ts';

const column = (cqlName: string, cql: CqlType) => ({
  name: cqlName,
  cqlName,
  cql,
  nullable: false,
});

const map: ReadModel = {
  generation: 3,
  shape: {
    projection: 'm',
    version: 1,
    kind: 'map',
    partition: [column('a', 'text')],
    clustering: [{ ...column('c', 'int'), order: 'asc' }],
    values: [column('v', 'text'), column('w', 'int')],
  },
};
const totals: ReadModel = {
  generation: 1,
  shape: { ...map.shape, projection: 't', kind: 'aggregate', values: [column('count', 'bigint')] },
};
const long = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};

test('a range of tokens is read with the time of each cell', () => {
  const { query, params } = standingStatements('ks', map).range(-(2n ** 63n), -1n);
  expect(query).toBe(
    'SELECT "a", "c", "v", "w", WRITETIME("v") AS "written v", WRITETIME("w") AS "written w" FROM "ks"."m_v1_g3" WHERE token("a") >= ? AND token("a") <= ?',
  );
  expect(params).toEqual([long(-(2n ** 63n)), long(-1n)]);
});

test('rows of totals are read by key and shard, with their position', () => {
  const { query, params } = standingStatements('ks', totals).some([
    { key: ['x', 1], shard: 2 },
    { key: ['x', 5], shard: 0 },
  ]);
  expect(query).toContain('WHERE "a" = ? AND ("c", "shard") IN ((?, ?), (?, ?))');
  expect(query).toContain('WRITETIME("position") AS "written position"');
  expect(params).toEqual([textValue('x'), ...[1, 2, 5, 0].map(intValue)]);
});

test('a repair goes at the timestamp that is given, also one beyond the safe integers', () => {
  const statements = standingStatements('ks', map);
  const at = 2n ** 62n + 1n;
  const row = { key: ['x', 1], shard: null, values: ['v', 7], position: null };
  expect(statements.put(row, at).params).toEqual([
    textValue('x'),
    intValue(1),
    textValue('v'),
    intValue(7),
    long(at),
  ]);
  expect(statements.remove(row, at).params).toEqual([long(at), textValue('x'), intValue(1)]);
});

test('repaired totals keep their position apart from the timestamp', () => {
  const row = { key: ['x', 1], shard: 4, values: [12], position: 99 };
  expect(standingStatements('ks', totals).put(row, 1_000n).params).toEqual([
    textValue('x'),
    intValue(1),
    intValue(4),
    bigintValue(12),
    bigintValue(99),
    long(1_000n),
  ]);
});
