/**
 * Seeded randomness of the generator: sfc32, a 128-bit generator that passes PractRand, and the
 * distributions that conversations need. A stream is named by integers (seed, purpose, number), so
 * that session 17 is the same whichever sessions were planned before it.
 */

export type Random = {
  /** Uniform in 0 … 2^32 − 1. */
  readonly bits: () => number;
  /** Uniform in [0, 1), 32 bits of it. */
  readonly next: () => number;
};

const warmUpRounds = 15;

export function createRandom(...stream: readonly number[]): Random {
  let [a, b, c] = mixed(stream);
  let counter = 1;
  const bits = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out >>> 0;
  };
  for (let round = 0; round < warmUpRounds; round += 1) bits();
  return { bits, next: () => bits() / 2 ** 32 };
}

/** Three words that depend on every bit of the stream's integers (MurmurHash3's finaliser). */
function mixed(stream: readonly number[]): [number, number, number] {
  const words: [number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162];
  for (const value of stream) {
    const low = value | 0;
    const high = Math.floor(value / 2 ** 32) | 0;
    for (let i = 0; i < 3; i += 1) {
      words[i] = finalised((words[i] ?? 0) ^ Math.imul(low, 0x85ebca6b + 2 * i));
      words[i] = finalised((words[i] ?? 0) + high + i);
    }
  }
  return words;
}

function finalised(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A whole number, `from` and `to` included. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random.next() * (to - from + 1));
}

export function chance(random: Random, probability: number): boolean {
  return random.next() < probability;
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random.next() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

export type Weighted<T> = readonly (readonly [item: T, weight: number])[];

export function pickWeighted<T>(random: Random, items: Weighted<T>): T {
  let rest = random.next() * items.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [item, weight] of items) {
    rest -= weight;
    if (rest < 0) return item;
  }
  const last = items[items.length - 1];
  if (last === undefined) throw new RangeError('nothing to pick from');
  return last[0];
}

/** A standard normal value (Box–Muller). */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}

/** `median × e^(sigma × normal)`. */
export function logNormal(random: Random, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random));
}

/** An RFC 4122 version 4 identifier. */
export function uuid(random: Random): string {
  const hex = [random.bits(), random.bits(), random.bits(), random.bits()]
    .map((word) => word.toString(16).padStart(8, '0'))
    .join('');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
