/**
 * The buckets of an interval in microseconds: integers all the way, so that Postgres counts the
 * same ones. A bucket's number is how many bounds are at or below the interval:
 *
 * - 0: below 1 ms (underflow);
 * - 1 to `boundsMicros.length` - 1: between two bounds, the lower one included;
 * - `boundsMicros.length`: 24 h and more (overflow);
 * - -1: negative. Clocks disagree and rows are corrected; such intervals are counted apart.
 *
 * In SQL: `case when us < 0 then -1 else width_bucket(us, array[<boundsMicros>]::bigint[]) end`.
 *
 * Bounds: the first is 1,000 µs, the next is floor(bound × 11 / 10), the last is 24 h. So a bucket
 * is at most a tenth wider than its lower bound, and the harmonic middle of its two bounds is within
 * 1/21 = 4.77 % of every interval in it. (Twice as many buckets would halve that, and double the
 * rows of a hot CQL partition.)
 */

const hour24Micros = 86_400_000_000;

export const negativeBucket = -1;

/** Rising. The values are stored in keys by their index: never change them without a new version. */
export const boundsMicros: readonly number[] = bounds();

export const overflowBucket = boundsMicros.length;

/** An estimate differs from every interval of its bucket by at most this share of the interval. */
export const relativeErrorMax = 1 / 21;

function bounds(): readonly number[] {
  const rising: number[] = [];
  for (let bound = 1_000; bound < hour24Micros; bound = Math.floor((bound * 11) / 10)) {
    rising.push(bound);
  }
  return [...rising, hour24Micros];
}

/** The bucket of an interval of whole microseconds. */
export function bucketOfMicros(micros: number): number {
  if (micros < 0) return negativeBucket;
  let low = 0;
  let high = boundsMicros.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((boundsMicros[middle] ?? hour24Micros) <= micros) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Where a quantile lies. `micros` is the estimate: from 1 ms to 24 h within `relativeErrorMax` of
 * the exact quantile, below 1 ms within 500 µs of it; in the overflow it is 24 h, a lower bound,
 * and `belowMicros` is null.
 */
export type QuantileEstimate = {
  readonly micros: number;
  readonly fromMicros: number;
  readonly belowMicros: number | null;
};

/**
 * The q-quantile (0 < q ≤ 1) of intervals counted by bucket; null when there are none. The exact
 * one that it estimates is the smallest interval that at least the share q does not exceed:
 * Postgres' `percentile_disc(q)`. Negative intervals are left out: they are no latencies.
 */
export function quantileOf(
  counts: ReadonlyMap<number, number>,
  q: number,
): QuantileEstimate | null {
  let total = 0;
  for (const [bucket, count] of counts) if (bucket !== negativeBucket) total += count;
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (let bucket = 0; bucket <= overflowBucket; bucket += 1) {
    seen += counts.get(bucket) ?? 0;
    if (seen >= rank) return estimateOf(bucket);
  }
  return null;
}

function estimateOf(bucket: number): QuantileEstimate {
  const fromMicros = bucket === 0 ? 0 : (boundsMicros[bucket - 1] ?? hour24Micros);
  const belowMicros = boundsMicros[bucket] ?? null;
  if (belowMicros === null) return { micros: fromMicros, fromMicros, belowMicros };
  const micros =
    bucket === 0 ? belowMicros / 2 : (2 * fromMicros * belowMicros) / (fromMicros + belowMicros);
  return { micros, fromMicros, belowMicros };
}
