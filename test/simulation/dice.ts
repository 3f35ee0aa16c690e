/**
 * All chance of a simulated history, drawn from its seed: the same seed gives the same history. What
 * must not disturb each other (the history's plan, the choice of the next step) draws from dice of
 * its own, `forked` by name.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

export class Dice {
  readonly #seed: number;
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.#seed = seed;
    this.#generator = xoroshiro128plus(seed | 0);
  }

  /** Both ends included. */
  int(least: number, most: number): number {
    return least >= most ? least : uniformInt(this.#generator, least, most);
  }

  /** From 0 to below `count`. */
  below(count: number): number {
    return this.int(0, count - 1);
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.below(2 ** 30) / 2 ** 30;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  /** Dice of their own for one purpose: what others draw does not change them. */
  forked(purpose: string): Dice {
    let hash = this.#seed | 0;
    for (let at = 0; at < purpose.length; at += 1) {
      hash = Math.imul(hash ^ purpose.charCodeAt(at), 0x01000193) ^ (hash >>> 15);
    }
    return new Dice(hash);
  }
}
