import { describe, expect, it } from 'vitest';
import { collect, type JudgedRow } from './support/judge.ts';
import {
  describeDifference,
  difference,
  isEqual,
  summedOverShards,
} from './support/judge-difference.ts';

const row = (key: string, ...values: (string | number | null)[]): JudgedRow => ({
  key: [key, 1],
  values,
});

describe('the difference between expected and found rows', () => {
  it('is nothing for the same rows in any order', () => {
    const found = difference(
      collect([row('a', 1), row('b', null)]),
      collect([row('b', null), row('a', 1)]),
    );
    expect(isEqual(found)).toBe(true);
    expect(found).toMatchObject({ expected: 2, actual: 2, examples: [] });
  });

  it('counts missing, extra and different rows and names the first keys of each', () => {
    const expected = collect([row('a', 1), row('b', 2), row('c', 3)]);
    const found = difference(expected, collect([row('a', 1), row('b', 20), row('d', 4)]));
    expect(isEqual(found)).toBe(false);
    expect(found).toMatchObject({ missing: 1, extra: 1, different: 1 });
    expect(describeDifference('steps', found)).toBe(
      [
        'steps: 3 rows expected, 3 found; 1 missing, 1 extra, 1 different',
        '  missing ("c", 1): expected (3)',
        '  extra ("d", 1): found (4)',
        '  different ("b", 1): expected (2), found (20)',
      ].join('\n'),
    );
  });

  it('tells NULL from zero, and from an empty text', () => {
    for (const value of [0, '']) {
      expect(isEqual(difference(collect([row('a', null)]), collect([row('a', value)])))).toBe(
        false,
      );
    }
  });

  it('shows a few examples of many, clipped', () => {
    const many = Array.from({ length: 100 }, (_, i) => row(`k${i}`, 'x'.repeat(500)));
    const found = difference(collect(many), collect([]));
    expect(found.missing).toBe(100);
    expect(found.examples).toHaveLength(5);
    expect(found.examples[0]?.length).toBeLessThan(150);
  });

  it('refuses two rows of one key', () => {
    expect(() => collect([row('a', 1), row('a', 1)])).toThrow(/two rows of one key/);
  });
});

describe('rows of an aggregate', () => {
  it('are summed over their shards, and gone where nothing is left', () => {
    const sums = summedOverShards([
      row('a', 1, 10),
      row('b', 2, 5),
      row('a', 3, 1),
      row('b', -2, -5),
    ]);
    expect([...sums.values()]).toEqual([row('a', 4, 11)]);
  });
});
