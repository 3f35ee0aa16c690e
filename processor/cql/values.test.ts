import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cell, CqlType } from '../projection/columns.ts';
import { bigintValue, cellOf, cellValue, intValue } from './values.ts';

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
