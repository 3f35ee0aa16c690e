import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundsMicros,
  bucketOfMicros,
  negativeBucket,
  overflowBucket,
  quantileOf,
  relativeErrorMax,
} from './buckets.ts';

const hours24 = 86_400_000_000;

describe('bounds', () => {
  it('are rising integers from 1 ms to 24 h', () => {
    expect(boundsMicros[0]).toBe(1_000);
    expect(boundsMicros.at(-1)).toBe(hours24);
    for (const [index, bound] of boundsMicros.entries()) {
      expect(Number.isSafeInteger(bound)).toBe(true);
      expect(bound).toBeGreaterThan(boundsMicros[index - 1] ?? 0);
    }
  });

  it('never change, since buckets are stored by number', () => {
    expect(boundsMicros.length).toBe(193);
    expect(boundsMicros.slice(0, 6)).toEqual([1_000, 1_100, 1_210, 1_331, 1_464, 1_610]);
    expect(boundsMicros.slice(-2)).toEqual([80_326_701_021, hours24]);
  });

  it('are close enough for an error of at most 5 %', () => {
    expect(relativeErrorMax).toBeLessThan(0.05);
    for (let index = 1; index < boundsMicros.length; index += 1) {
      const [low, high] = [boundsMicros[index - 1]!, boundsMicros[index]!];
      expect((high - low) / (high + low)).toBeLessThanOrEqual(relativeErrorMax);
    }
  });
});

describe('a bucket', () => {
  it('is how many bounds are at or below the interval', () => {
    const micros = fc.oneof(
      fc.integer({ min: 0, max: 2 * hours24 }),
      fc.constantFrom(...boundsMicros),
      fc.constantFrom(...boundsMicros).map((bound) => bound - 1),
      fc.integer({ min: 0, max: 5_000 }),
    );
    fc.assert(
      fc.property(micros, (value) => {
        expect(bucketOfMicros(value)).toBe(boundsMicros.filter((bound) => bound <= value).length);
      }),
      { numRuns: 5_000 },
    );
  });

  it('of a negative interval, of less than 1 ms and of 24 h or more is apart', () => {
    expect([-1, -1e18].map(bucketOfMicros)).toEqual([negativeBucket, negativeBucket]);
    expect([0, 999, 1_000].map(bucketOfMicros)).toEqual([0, 0, 1]);
    expect([hours24 - 1, hours24, 1e18].map(bucketOfMicros)).toEqual([
      overflowBucket - 1,
      overflowBucket,
      overflowBucket,
    ]);
  });
});

describe('a quantile', () => {
  const spread = fc.double({ min: 0, max: 1, noNaN: true }).map((x) => Math.floor(10 ** (x * 11)));
  const share = fc.oneof(
    fc.constantFrom(0.5, 0.95, 0.99, 1),
    fc.double({ min: 0.001, max: 1, noNaN: true }),
  );

  it('is within 5 % of the exact one from 1 ms to 24 h, and within 0.5 ms below', () => {
    fc.assert(
      fc.property(fc.array(spread, { minLength: 1, maxLength: 200 }), share, (values, q) => {
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1]!;
        const found = quantileOf(countsOf(values), q)!;
        expect(found.fromMicros).toBeLessThanOrEqual(exact);
        expect(exact).toBeLessThan(found.belowMicros ?? Number.POSITIVE_INFINITY);
        const error = Math.abs(found.micros - exact);
        if (exact < 1_000) expect(error).toBeLessThanOrEqual(500);
        else if (exact <= hours24) expect(error / exact).toBeLessThanOrEqual(0.05);
        else expect(found).toEqual({ micros: hours24, fromMicros: hours24, belowMicros: null });
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves out negative intervals', () => {
    expect(quantileOf(countsOf([-5, -6, 2_000, 3_000]), 0.5)).toEqual(
      quantileOf(countsOf([2_000, 3_000]), 0.5),
    );
  });

  it('of nothing is null', () => {
    expect(quantileOf(new Map(), 0.5)).toBeNull();
    expect(quantileOf(countsOf([-1]), 0.5)).toBeNull();
  });
});

function countsOf(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bucket = bucketOfMicros(value);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return counts;
}
