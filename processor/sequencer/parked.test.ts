import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ParkedChanges } from '../conversation/workspace.ts';
import { type ParkedBucket, ParkedRecount, parkedOf, withParked } from './parked.ts';

const change = (lsn: number, at: number, steps: number): ParkedChanges =>
  new Map([[lsn, { at, steps }]]);

type Group = { readonly lsn: number; readonly at: number; readonly steps: number };

function holds(buckets: readonly ParkedBucket[], parked: readonly Group[], now: number): void {
  const { steps, oldestAt } = parkedOf(buckets);
  expect(steps).toBe(parked.reduce((sum, one) => sum + one.steps, 0));
  expect(buckets.length).toBeLessThanOrEqual(32);
  const [oldest] = parked;
  if (oldest === undefined) {
    expect(oldestAt).toBeNull();
    return;
  }
  const age = now - oldest.at;
  expect(now - oldestAt!).toBeGreaterThanOrEqual(age);
  expect(now - oldestAt!).toBeLessThanOrEqual(age * 2 + 2_000);
}

describe('the tally of parked steps', () => {
  it('keeps the number whatever the order of LSNs, and whatever goes together', () => {
    // Two of the first bucket go together, by LSNs that a later one seems to have.
    let buckets = withParked([], change(100, 0, 1));
    buckets = withParked(buckets, change(350, 500, 2));
    buckets = withParked(buckets, change(320, 5_000, 1));
    buckets = withParked(buckets, change(350, 6_000, -2));
    expect(parkedOf(buckets).steps).toBe(2);
    const batch = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 4 }), fc.boolean()));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3_000), batch), { maxLength: 60 }), (batches) => {
        let tally: readonly ParkedBucket[] = [];
        const parked = new Map<number, number>();
        let now = 0;
        for (const [pause, entries] of batches) {
          now += pause;
          const changes = new Map<number, { steps: number; at: number }>();
          for (const [lsn, steps, comes] of entries) {
            const known = parked.get(lsn) ?? 0;
            const by = comes ? steps : -Math.min(known, steps);
            parked.set(lsn, known + by);
            changes.set(lsn, { at: now, steps: (changes.get(lsn)?.steps ?? 0) + by });
          }
          tally = withParked(tally, changes);
          expect(parkedOf(tally).steps).toBe([...parked.values()].reduce((a, b) => a + b, 0));
        }
      }),
    );
  });

  it('counts what comes and goes exactly, and knows since when at most twice as long as true, in 32 buckets', () => {
    const gap = fc.oneof(fc.nat(2_000), fc.nat(3_600_000));
    const goes = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(gap, fc.integer({ min: 1, max: 5 }), goes), {
          minLength: 100,
          maxLength: 300,
        }),
        (comings) => {
          let buckets: readonly ParkedBucket[] = [];
          const parked: Group[] = [];
          let now = 1_000_000;
          let lsn = 100;
          for (const [pause, steps, which] of comings) {
            now += pause;
            lsn += 7;
            buckets = withParked(buckets, change(lsn, now, steps));
            parked.push({ lsn, at: now, steps });
            if (which > 0.7) {
              const [gone] = parked.splice(
                Math.floor(((which - 0.7) / 0.3) * parked.length * 0.999),
                1,
              );
              buckets = withParked(buckets, change(gone!.lsn, now, -gone!.steps));
            }
            holds(buckets, parked, now);
          }
          // The oldest come first, as a rule.
          for (let gone = parked.shift(); gone !== undefined; gone = parked.shift()) {
            buckets = withParked(buckets, change(gone.lsn, now, -gone.steps));
            holds(buckets, parked, now);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('counts a step that was changed while parked from then on', () => {
    const first = withParked([], change(10, 1_000, 1));
    const next = withParked(
      first,
      new Map([
        [10, { at: 9_000, steps: -1 }],
        [20, { at: 9_000, steps: 1 }],
      ]),
    );
    expect(parkedOf(next)).toEqual({ steps: 1, oldestAt: 9_000 });
  });

  it('is put right by a count of all that is parked', () => {
    const wrong: readonly ParkedBucket[] = [
      [10, 1_000, 5],
      [20, 5_000, 9],
    ];
    const recounted = (former: readonly ParkedBucket[], ...lsns: readonly number[]) => {
      const recount = new ParkedRecount(former, 9_000);
      for (const lsn of lsns) recount.add(lsn);
      return recount.result();
    };
    expect(recounted(wrong, 21, 25, 30)).toEqual([[20, 5_000, 3]]);
    expect(recounted(wrong, 4, 30)).toEqual([
      [4, 1_000, 1],
      [20, 5_000, 1],
    ]);
    expect(recounted(wrong)).toEqual([]);
    expect(recounted([], 4, 5)).toEqual([[4, 9_000, 2]]);
  });
});
