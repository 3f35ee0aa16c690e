/**
 * The totals that one projection wrote or loaded last in one partition, least recently used first
 * out. It lives as long as the epoch and holds acknowledged totals only: a batch changes its own
 * copies and hands them in when the store has them, so that any entry may be dropped at any time.
 */
import type { StoredTotals } from './store.ts';

export class TotalsCache {
  readonly #entriesMax: number;
  readonly #entries = new Map<string, StoredTotals>();
  #hasForgotten = false;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Nothing was dropped, nor will be when so many more come: what is not here was never put. */
  keepsAll(more: number): boolean {
    return !this.#hasForgotten && this.#entries.size + more <= this.#entriesMax;
  }

  get(keyText: string): StoredTotals | undefined {
    const found = this.#entries.get(keyText);
    if (found === undefined) return undefined;
    this.#entries.delete(keyText);
    this.#entries.set(keyText, found);
    return found;
  }

  put(keyText: string, totals: StoredTotals): void {
    this.#entries.delete(keyText);
    this.#entries.set(keyText, totals);
    if (this.#entries.size <= this.#entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      this.#hasForgotten = true;
      return;
    }
  }
}
