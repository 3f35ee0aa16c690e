/**
 * The steps of one turn that a container knows: a state, or null for one that is known to be absent.
 * They are kept in the order of idx, so that the step beside another costs no look at all the others.
 */
import type { StepState } from './rows.ts';

export type Side = 'before' | 'after';

export class KnownSteps {
  /** Whatever is stored of the turn's steps is known here. */
  whole = false;
  readonly #byIdx = new Map<number, StepState | null>();
  /** The idx of all that are known, sorted. */
  readonly #order: number[] = [];

  get(idx: number): StepState | null | undefined {
    const step = this.#byIdx.get(idx);
    return step === undefined && this.whole ? null : step;
  }

  /** As it was learnt or put, whatever else is known. */
  peek(idx: number): StepState | null | undefined {
    return this.#byIdx.get(idx);
  }

  set(idx: number, step: StepState | null): void {
    if (!this.#byIdx.has(idx)) {
      const last = this.#order.at(-1);
      if (last === undefined || idx > last) this.#order.push(idx);
      else this.#order.splice(this.#firstFrom(idx), 0, idx);
    }
    this.#byIdx.set(idx, step);
  }

  /** The present ones, by idx. */
  present(): StepState[] {
    const steps: StepState[] = [];
    for (const idx of this.#order) {
      const step = this.#byIdx.get(idx);
      if (step?.present) steps.push(step);
    }
    return steps;
  }

  /** The nearest present one strictly before or after idx, among those that are known. */
  nearest(idx: number, side: Side): StepState | null {
    const way = side === 'after' ? 1 : -1;
    let at = side === 'after' ? this.#firstFrom(idx + 1) : this.#firstFrom(idx) - 1;
    for (; at >= 0 && at < this.#order.length; at += way) {
      const step = this.#byIdx.get(this.#order[at] as number);
      if (step?.present) return step;
    }
    return null;
  }

  /** Forgets those of which it holds; what is stored of them is then no longer wholly known. */
  forget(holds: (idx: number) => boolean, forgotten: (step: StepState | null) => void): void {
    this.whole = false;
    let kept = 0;
    for (const idx of this.#order) {
      if (holds(idx)) {
        forgotten(this.#byIdx.get(idx) ?? null);
        this.#byIdx.delete(idx);
      } else {
        this.#order[kept] = idx;
        kept += 1;
      }
    }
    this.#order.length = kept;
  }

  /** Where the first one is that has this idx or a higher one. */
  #firstFrom(idx: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] as number) < idx) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
