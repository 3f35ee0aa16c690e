import fc from 'fast-check';
import { expect, test } from 'vitest';
import { absent, isExplained, rowHash, Sums } from './sums.ts';

const cell = fc.oneof(fc.constantFrom(null, true, false, '', 'a', '1'), fc.integer(), fc.string());
const row = fc.record({
  key: fc.array(cell, { minLength: 2, maxLength: 2 }),
  values: fc.array(cell, { minLength: 2, maxLength: 2 }),
});

test('the same rows in any order leave nothing; one row more, less or other is seen in its bucket', () => {
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      fc.nat(),
      fc.boolean(),
      (rows, at, isOther) => {
        const sums = new Sums('map', 8);
        for (const { key, values } of rows) sums.row(key, values, 1);
        for (const { key, values } of rows.toReversed()) sums.row(key, values, -1);
        expect(sums.differing()).toEqual([]);
        const chosen = rows[at % rows.length]!;
        sums.row(chosen.key, chosen.values, 1);
        if (isOther)
          sums.row(
            chosen.key,
            [...chosen.values].map((value) => (value === 'x' ? 'y' : 'x')),
            -1,
          );
        if (isOther && chosen.values.every((value) => value === 'x')) return;
        expect(sums.differing().length).toBe(1);
      },
    ),
  );
});

test('contributions add up to totals, whatever their order and sign; a total off by one is seen', () => {
  const total = fc.integer({ min: -(2 ** 44), max: 2 ** 44 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(2), total, total), { minLength: 1 }),
      (all) => {
        const sums = new Sums('aggregate', 8);
        const totals = new Map<string, number[]>();
        for (const [name, shard, one, other] of all) {
          sums.totals([name], shard, [one, other], 1);
          const known = totals.get(`${name}${shard}`) ?? [0, 0];
          totals.set(`${name}${shard}`, [known[0]! + one, known[1]! + other]);
        }
        for (const [text, sum] of totals) sums.totals([text[0]!], Number(text[1]), sum, -1);
        expect(sums.differing()).toEqual([]);
        sums.totals(['a'], 0, [0, 1], -1);
        expect(sums.differing()).toEqual([sums.bucketOf('0/1:a')]);
      },
    ),
  );
});

test('a row of zeros is as good as none', () => {
  const sums = new Sums('aggregate', 8);
  sums.totals(['a'], 0, [0, 0], -1);
  expect(sums.differing()).toEqual([]);
});

test('a bucket is explained by the states that its changing rows went through, and by nothing else', () => {
  const state = (value: string) => ({ rows: 1, ...rowHash('k', [value]) });
  const [before, after, wrong] = [state('before'), state('after'), state('wrong')];
  const minus = (one: typeof absent, other: typeof absent) => ({
    rows: one.rows - other.rows,
    one: (one.one - other.one) | 0,
    other: (one.other - other.other) | 0,
  });
  const states = [before, absent, after];
  for (const seen of states) expect(isExplained(minus(before, seen), [states])).toBe(true);
  expect(isExplained(minus(before, wrong), [states])).toBe(false);
  expect(isExplained(minus(before, after), [])).toBe(false);
  // Two rows of one bucket, one seen before and one after its change.
  expect(isExplained(minus(before, after), [states, [wrong, before]])).toBe(true);
});
