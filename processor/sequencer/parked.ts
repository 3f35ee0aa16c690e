/**
 * How many steps are parked, and since when: counted by the LSN of their last change in a bounded
 * number of buckets, so that it fits into the ledger, and so into memory, however many there are. New
 * ones open buckets at the end; when there are too many, the two neighbours are united whose times
 * differ least in proportion to their age. So the age of the oldest is never too low, and too high by a
 * small part of itself. Pure.
 */
import type { ParkedChanges } from '../conversation/workspace.ts';
import type { Instant } from '../source/instant.ts';

/** From this LSN to the next bucket's; `at`: the commit that opened it. */
export type ParkedBucket = readonly [fromLsn: number, at: Instant, steps: number];

const bucketsMax = 32;
/** Within it no bucket is opened. */
const bucketMsMin = 1000;

export type Parked = { readonly steps: number; readonly oldestAt: Instant | null };

export function parkedOf(buckets: readonly ParkedBucket[]): Parked {
  const steps = buckets.reduce((sum, [, , count]) => sum + count, 0);
  return { steps, oldestAt: buckets[0]?.[1] ?? null };
}

export function withParked(
  buckets: readonly ParkedBucket[],
  changes: ParkedChanges,
): readonly ParkedBucket[] {
  if (changes.size === 0) return buckets;
  let next = [...buckets];
  for (const [lsn, { steps, at }] of [...changes].sort(([a], [b]) => a - b)) {
    next = counted(next, lsn, at, steps);
    if (next.length > bucketsMax) unite(next);
  }
  // A bucket without steps is no longer looked for: no step of its LSNs is parked.
  return settled(next).filter(([, , steps]) => steps > 0);
}

/**
 * Transactions commit in another order than their LSNs: a step may have been counted in a bucket before the
 * one where it is looked for when it goes. What a bucket owes, the ones before it have, or else the ones
 * after it.
 */
function settled(buckets: readonly ParkedBucket[]): readonly ParkedBucket[] {
  let debt = 0;
  const pay = ([lsn, at, steps]: ParkedBucket): ParkedBucket => {
    const left = steps - debt;
    debt = Math.max(0, -left);
    return [lsn, at, Math.max(0, left)];
  };
  const paidBefore = buckets.toReversed().map(pay).toReversed();
  return debt === 0 ? paidBefore : paidBefore.map(pay);
}

/**
 * Counts anew, of the LSNs of all steps that are parked: a crash may have left the numbers wrong by
 * what was in hand.
 */
export class ParkedRecount {
  readonly #buckets: ParkedBucket[];
  readonly #at: Instant;

  constructor(former: readonly ParkedBucket[], at: Instant) {
    this.#buckets = former.map(([lsn, since]) => [lsn, since, 0]);
    this.#at = at;
  }

  add(lsn: number): void {
    const index = bucketOf(this.#buckets, lsn);
    const bucket = this.#buckets[index];
    this.#buckets[Math.max(0, index)] =
      bucket === undefined
        ? [lsn, this.#at, 1]
        : [Math.min(bucket[0], lsn), bucket[1], bucket[2] + 1];
  }

  result(): readonly ParkedBucket[] {
    return this.#buckets.filter(([, , steps]) => steps > 0);
  }
}

function counted(buckets: ParkedBucket[], lsn: number, at: Instant, steps: number): ParkedBucket[] {
  const index = bucketOf(buckets, lsn);
  const bucket = buckets[index];
  const isLast = index === buckets.length - 1;
  const opens =
    bucket === undefined || (isLast && lsn > bucket[0] && at - bucket[1] >= bucketMsMin);
  if (steps > 0 && opens) {
    buckets.push([lsn, at, steps]);
  } else if (bucket !== undefined) {
    buckets[index] = [Math.min(bucket[0], lsn), bucket[1], bucket[2] + steps];
  }
  return buckets;
}

/** The last that begins at or below the LSN; the first, if none does. */
function bucketOf(buckets: readonly ParkedBucket[], lsn: number): number {
  return Math.max(
    buckets.findLastIndex(([from]) => from <= lsn),
    Math.min(0, buckets.length - 1),
  );
}

function unite(buckets: ParkedBucket[]): void {
  const newest = buckets.at(-1)?.[1] ?? 0;
  let least = { index: 0, error: Number.POSITIVE_INFINITY };
  for (let index = 0; index + 1 < buckets.length; index += 1) {
    const [, at] = buckets[index] as ParkedBucket;
    const [, next] = buckets[index + 1] as ParkedBucket;
    const error = (next - at) / (newest - at + bucketMsMin);
    if (error < least.error) least = { index, error };
  }
  const [lsn, at, steps] = buckets[least.index] as ParkedBucket;
  const [, , more] = buckets[least.index + 1] as ParkedBucket;
  buckets.splice(least.index, 2, [lsn, at, steps + more]);
}
