import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyTextOf } from './key-text.ts';

describe('the text of a key', () => {
  it.each([
    [
      ['1', '23'],
      ['12', '3'],
    ],
    [
      ['1:1', ''],
      ['1', ':1'],
    ],
    [
      ['', 'a'],
      ['a', ''],
    ],
    [
      [1, '2,'],
      [1.2, ','],
    ],
    [
      ['1', 2],
      [1, '2'],
    ],
  ])('tells %j from %j', (one, other) => {
    expect(keyTextOf(one)).not.toBe(keyTextOf(other));
  });

  it('is equal exactly for equal keys', () => {
    const cell = fc.oneof(
      fc.constantFrom('', '1', '1:', ',', '2:a'),
      fc.string({ maxLength: 3 }),
      fc.integer({ min: -2, max: 12 }),
      fc.boolean(),
    );
    const key = fc.array(cell, { minLength: 2, maxLength: 2 });
    fc.assert(
      fc.property(key, key, (one, other) => {
        const same = one.every((value, index) => value === other[index]);
        expect(keyTextOf(one) === keyTextOf(other)).toBe(same);
      }),
      { numRuns: 5_000 },
    );
  });
});
