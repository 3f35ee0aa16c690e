/**
 * Two tables compared in memory of a fixed size (I10): each row goes into a bucket by its key, and a bucket
 * holds the sums of what one side has minus what the other has. A bucket of zeros holds equal rows; one
 * that is not is looked at row by row (detail.ts). No order is needed, and no row is kept.
 *
 * A row of a map counts with a hash of all its cells. Totals count linearly: the same factors for the same
 * (key, shard), modulo two primes, so that contributions need not be added up by key first. Unequal rows pass for
 * equal ones with a probability of about 2^-52 a bucket.
 */
import type { Cell } from '../projection/columns.ts';
import { keyTextOf } from '../projection/key-text.ts';
import type { Key } from '../projection/projection.ts';

/** Two hashes of 32 bits. */
export type Hash = { readonly one: number; readonly other: number };

/** Below 2^26, so that a product of two remainders is exact. */
const primes = [67_108_859, 67_108_837] as const;

export function hashOf(text: string, seed = 0): Hash {
  let one = 0xdeadbeef ^ seed;
  let other = 0x41c6ce57 ^ seed;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 2_654_435_761);
    other = Math.imul(other ^ unit, 1_597_334_677);
  }
  one =
    Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(other ^ (other >>> 13), 3_266_489_909);
  other =
    Math.imul(other ^ (other >>> 16), 2_246_822_507) ^ Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return { one: one | 0, other: other | 0 };
}

export function rowHash(keyText: string, values: readonly Cell[]): Hash {
  return hashOf(`${keyText}|${keyTextOf(values)}`);
}

export class Sums {
  readonly #mask: number;
  readonly #rows: Int32Array;
  readonly #ones: Float64Array | Int32Array;
  readonly #others: Float64Array | Int32Array;
  /** Rows on both sides, so that a look at some buckets knows what it will hold. */
  readonly #seen: Int32Array;
  readonly #linear: boolean;

  /** `buckets`: a power of two. */
  constructor(kind: 'map' | 'aggregate', buckets: number) {
    this.#mask = buckets - 1;
    this.#linear = kind === 'aggregate';
    this.#rows = new Int32Array(buckets);
    this.#seen = new Int32Array(buckets);
    this.#ones = this.#linear ? new Float64Array(buckets) : new Int32Array(buckets);
    this.#others = this.#linear ? new Float64Array(buckets) : new Int32Array(buckets);
  }

  bucketOf(keyText: string): number {
    return hashOf(keyText, 1).one & this.#mask;
  }

  /** A row of a map: `sign` is 1 for what should be there, -1 for what is. */
  row(key: Key, values: readonly Cell[], sign: 1 | -1): void {
    const text = keyTextOf(key);
    const { one, other } = rowHash(text, values);
    const at = this.bucketOf(text);
    this.#seen[at] = (this.#seen[at] ?? 0) + 1;
    this.#rows[at] = (this.#rows[at] ?? 0) + sign;
    this.#ones[at] = (this.#ones[at] ?? 0) + sign * one;
    this.#others[at] = (this.#others[at] ?? 0) + sign * other;
  }

  totals(key: Key, shard: number, totals: readonly number[], sign: 1 | -1): void {
    const text = shardKeyText(key, shard);
    const at = this.bucketOf(text);
    // At most the number of contributions; the rows themselves are not known here.
    this.#seen[at] = (this.#seen[at] ?? 0) + (sign < 0 ? 1 : 0);
    for (let column = 0; column < totals.length; column += 1) {
      const { one, other } = hashOf(text, column + 2);
      const total = totals[column] ?? 0;
      this.#ones[at] = remainder(this.#ones[at] ?? 0, sign, one, total, primes[0]);
      this.#others[at] = remainder(this.#others[at] ?? 0, sign, other, total, primes[1]);
    }
  }

  /** What is on one side only, as sums: null for an equal bucket. */
  difference(bucket: number): (Hash & { readonly rows: number }) | null {
    const rows = this.#rows[bucket] ?? 0;
    const one = this.#ones[bucket] ?? 0;
    const other = this.#others[bucket] ?? 0;
    return rows === 0 && one === 0 && other === 0 ? null : { rows, one, other };
  }

  seen(bucket: number): number {
    return this.#seen[bucket] ?? 0;
  }

  differing(): number[] {
    const found: number[] = [];
    for (let at = 0; at <= this.#mask; at += 1) if (this.difference(at) !== null) found.push(at);
    return found;
  }
}

export function shardKeyText(key: Key, shard: number): string {
  return `${shard}/${keyTextOf(key)}`;
}

/** The sum of non-negative remainders, so that zero is one number. */
function remainder(sum: number, sign: 1 | -1, hash: number, total: number, prime: number): number {
  const factor = ((hash >>> 0) % (prime - 1)) + 1;
  const added = (factor * (total % prime)) % prime;
  return (((sum + sign * added) % prime) + prime) % prime;
}

export type State = { readonly rows: number; readonly one: number; readonly other: number };

export const absent: State = { rows: 0, one: 0, other: 0 };

/** Combinations of states that are tried for one bucket. */
const triesMax = 4096;

/**
 * Whether a bucket differs by nothing but rows that have changed since the snapshot: each of them was one
 * row then, the first of its states, and may have been seen in any of them.
 */
export function isExplained(difference: State, changing: readonly (readonly State[])[]): boolean {
  let tries = 1;
  for (const states of changing) tries *= states.length;
  if (tries > triesMax) return false;
  const search = (at: number, left: State): boolean => {
    const states = changing[at];
    if (states === undefined) return left.rows === 0 && left.one === 0 && left.other === 0;
    const then = states[0] ?? absent;
    return states.some((seen) =>
      search(at + 1, {
        rows: left.rows - then.rows + seen.rows,
        one: (left.one - then.one + seen.one) | 0,
        other: (left.other - then.other + seen.other) | 0,
      }),
    );
  };
  return search(0, difference);
}
