import { describe, expect, it } from 'vitest';
import { bucketOf } from './hash.ts';

describe('a bucket', () => {
  it('of a text never changes, since it is part of stored keys', () => {
    expect(['', 'a', 'agent-1:0', 'é', '🌘'].map((text) => bucketOf(text, 1_000_000))).toEqual([
      668922, 103526, 53492, 730340, 548369,
    ]);
  });

  it('is from 0 to the number of buckets minus 1', () => {
    const buckets = new Set(Array.from({ length: 1_000 }, (_, index) => bucketOf(`${index}`, 7)));
    expect([...buckets].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(bucketOf('anything', 1)).toBe(0);
  });

  it('depends on the end of a long text as on its beginning', () => {
    const long = 'x'.repeat(1_000);
    expect(bucketOf(`${long}1`, 1_000_000)).not.toBe(bucketOf(`${long}2`, 1_000_000));
  });
});
