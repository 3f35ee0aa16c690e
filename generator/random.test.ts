import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { between, createRandom, logNormal, pickWeighted, uuid } from './random.ts';

const sorted = (values: number[]) => values.sort((a, b) => a - b);

describe('seeded randomness', () => {
  it('gives the same values for the same stream, others for a neighbouring one', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, number) => {
        const first = createRandom(seed, number);
        const again = createRandom(seed, number);
        const other = createRandom(seed, number + 1);
        const values = Array.from({ length: 4 }, first.bits);
        expect(Array.from({ length: 4 }, again.bits)).toEqual(values);
        expect(Array.from({ length: 4 }, other.bits)).not.toEqual(values);
      }),
    );
  });

  it('is uniform: every tenth of [0, 1) gets a tenth of the values', () => {
    const random = createRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i += 1) {
      const tenth = Math.floor(random.next() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('has the median and the 99th percentile of the log-normal distribution asked for', () => {
    const random = createRandom(2);
    const values = sorted(Array.from({ length: 100_000 }, () => logNormal(random, 124, 1.5)));
    expect(values[50_000]).toBeGreaterThan(124 * 0.97);
    expect(values[50_000]).toBeLessThan(124 * 1.03);
    const p99 = 124 * Math.exp(1.5 * 2.3263);
    expect(values[99_000]).toBeGreaterThan(p99 * 0.9);
    expect(values[99_000]).toBeLessThan(p99 * 1.1);
  });

  it('picks by weight and includes both ends of a range', () => {
    const random = createRandom(3);
    const picks = Array.from({ length: 10_000 }, () =>
      pickWeighted(random, [
        ['rare', 1],
        ['often', 9],
      ]),
    );
    const rare = picks.filter((item) => item === 'rare').length;
    expect(rare).toBeGreaterThan(900);
    expect(rare).toBeLessThan(1100);
    const dice = new Set(Array.from({ length: 1000 }, () => between(random, 1, 6)));
    expect(sorted([...dice])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('makes unique version 4 identifiers', () => {
    const uids = new Set<string>();
    for (let stream = 0; stream < 10_000; stream += 1) {
      const uid = uuid(createRandom(7, stream));
      expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      uids.add(uid);
    }
    expect(uids.size).toBe(10_000);
  });
});
