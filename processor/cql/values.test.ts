import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cell, CqlType } from '../projection/columns.ts';
import { bigintValue, cellEncoder, cellOf, cellValue, intValue } from './values.ts';

test('a bigint is what the driver would encode, for any safe integer', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(bigintValue(value).readBigInt64BE()).toBe(BigInt(value));
    }),
  );
});

test('a date counts days from the middle of the unsigned range, as the driver reads it', () => {
  for (const day of [0, -1, 20_000, -719_162, 2 ** 31 - 1, -(2 ** 31)]) {
    const bytes = cellValue('date', day) as Buffer;
    expect(cellOf('date', types.LocalDate.fromBuffer(bytes))).toBe(day);
  }
});

test('a timestamp loses its microseconds downwards', () => {
  const of = (cell: number) => (cellValue('timestamp', cell) as Buffer).readBigInt64BE();
  expect(of(1_700_000_000_123.999)).toBe(1_700_000_000_123n);
  expect(of(-0.001)).toBe(-1n);
});

test.each<[CqlType, Cell]>([
  ['int', 2 ** 31],
  ['int', 1.5],
  ['int', Number.NaN],
  ['bigint', 2 ** 53],
  ['bigint', 0.5],
  ['bigint', '5'],
  ['date', 1.5],
  ['timestamp', Number.NaN],
  ['text', 5],
  ['boolean', 1],
  ['double', '0.5'],
])('%s refuses %s', (type, cell) => {
  expect(() => cellValue(type, cell)).toThrow(`cannot be stored as ${type}`);
});

test('a null is a null in every column', () => {
  expect(cellValue('text', null)).toBeNull();
  expect(cellOf('bigint', null)).toBeNull();
});

test('an int keeps its sign', () => {
  expect(intValue(-2).readInt32BE()).toBe(-2);
});

test('whatever came before it, a column’s encoder gives a cell the bytes that it has alone', () => {
  const columns: readonly (readonly [CqlType, readonly Cell[]])[] = [
    ['text', [null, '', 'a', 'b', 'ab']],
    ['int', [null, -1, 0, 1, 2047, 2048, 2 ** 31 - 1]],
    ['double', [null, 0, -0, 1.5]],
    ['timestamp', [null, 7, 7.9, 8]],
  ];
  for (const [type, cells] of columns) {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...cells)), (given) => {
        const encode = cellEncoder(type);
        for (const cell of given) expect(encode(cell)).toEqual(cellValue(type, cell));
      }),
    );
  }
});

test('a whole number reads back as itself, on both sides of where bytes are shared', () => {
  for (const value of [-1, 0, 1, 2047, 2048, 2 ** 31 - 1, -(2 ** 31)]) {
    expect(intValue(value).readInt32BE()).toBe(value);
  }
});
