import { describe, expect, it } from 'vitest';
import { cellReader, keyTextBytesMax } from './cells.ts';
import type { Cell, CqlType } from './columns.ts';

function read(cql: CqlType, value: unknown, nullable = false): Cell | undefined {
  const column = { name: 'x', cqlName: 'x', cql, nullable };
  return cellReader('example', [column], 'values')({ x: value })[0];
}

describe('a cell', () => {
  it.each([
    ['int', 2_147_483_647],
    ['int', -2_147_483_648],
    ['date', -1],
    ['bigint', Number.MAX_SAFE_INTEGER],
    ['double', 0.1],
    ['boolean', false],
    ['text', ''],
    ['timestamp', -8.64e15],
  ] as const)('of type %s takes %s', (cql, value) => {
    expect(read(cql, value)).toBe(value);
  });

  it.each([
    ['int', 2_147_483_648],
    ['int', 0.5],
    ['int', Number.NaN],
    ['int', '1'],
    ['int', true],
    ['date', 1.5],
    ['date', Number.POSITIVE_INFINITY],
    ['bigint', 2 ** 53],
    ['bigint', 1n],
    ['double', Number.NaN],
    ['double', Number.POSITIVE_INFINITY],
    ['boolean', 0],
    ['text', 1],
    ['text', undefined],
    ['timestamp', Number.NaN],
    ['timestamp', 8.64e15 + 1],
    ['timestamp', new Date(0)],
    ['text', null],
  ] as const)(
    'of type %s refuses %s with a PROJECTION error that names the column',
    (cql, value) => {
      expect(() => read(cql, value)).toThrow(
        expect.objectContaining({
          code: 'PROJECTION',
          message: expect.stringMatching(/^projection example: column x /),
        }),
      );
    },
  );

  it('is null only where its column is nullable, and never undefined', () => {
    expect(read('text', null, true)).toBeNull();
    expect(() => read('text', undefined, true)).toThrow('a string or null');
  });

  it('is a timestamp of whole milliseconds, the floor, as CQL keeps it', () => {
    expect(read('timestamp', 12.999)).toBe(12);
    expect(read('timestamp', -0.001)).toBe(-1);
  });

  it('is never a negative zero, which CQL and Maps would tell from zero', () => {
    for (const cql of ['int', 'date', 'bigint', 'double', 'timestamp'] as const) {
      expect(read(cql, -0)).toBe(0);
    }
  });
});

describe('a key', () => {
  const column = { name: 'x', cqlName: 'x', cql: 'text', nullable: false } as const;
  const readKey = cellReader('example', [column, { ...column, name: 'y' }], 'key');

  it('takes texts up to what CQL takes, counted in UTF-8', () => {
    const half = '🌘'.repeat(keyTextBytesMax / 8);
    expect(readKey({ x: half, y: half })).toEqual([half, half]);
  });

  it('refuses longer ones, which the database would refuse for ever', () => {
    const half = '🌘'.repeat(keyTextBytesMax / 8);
    expect(() => readKey({ x: half, y: `${half}x` })).toThrow('65001 bytes of text');
  });
});
