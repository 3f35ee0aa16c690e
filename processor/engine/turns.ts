/**
 * Who folds, of the partitions of a worker whose batches are large: one at a time, and of those that have
 * something to fold the one that is nearest to a full batch. If all of them filled up at the same time, all
 * would write afterwards, and the store would be idle until then.
 */

type Waiter = { readonly weight: number; readonly enter: () => void };

export class Turns {
  #isTaken = false;
  readonly #waiting: Waiter[] = [];

  /** `weight`: what the batch has so far. The heaviest enters first, of equals the one that came first. */
  take(weight: number): Promise<void> {
    if (this.#isTaken) {
      return new Promise((enter) => this.#waiting.push({ weight, enter }));
    }
    this.#isTaken = true;
    return Promise.resolve();
  }

  /** To be called by whoever has it. */
  pass(): void {
    const next = this.#heaviest();
    if (next === undefined) this.#isTaken = false;
    else {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.enter();
    }
  }

  /** Lets whoever is heavier go first; by whoever has it, who has it again afterwards. */
  async cede(weight: number): Promise<void> {
    if ((this.#heaviest()?.weight ?? 0) <= weight) return;
    this.pass();
    await this.take(weight);
  }

  #heaviest(): Waiter | undefined {
    let heaviest: Waiter | undefined;
    for (const waiter of this.#waiting) {
      if (heaviest === undefined || waiter.weight > heaviest.weight) heaviest = waiter;
    }
    return heaviest;
  }
}
