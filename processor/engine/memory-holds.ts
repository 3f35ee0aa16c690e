/** Holds of totals in memory, for tests and the simulation of repairs. */
import type { Clock } from './clock.ts';
import type { Hold, HoldStore } from './totals-holds.ts';

export class MemoryHolds implements HoldStore {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #holds = new Map<string, Hold>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  async held(projections: readonly string[]): Promise<ReadonlyMap<string, Hold>> {
    return new Map([...this.#holds].filter(([projection]) => projections.includes(projection)));
  }

  async hold(projection: string, { owner, untilMs }: Hold): Promise<Hold | null> {
    const found = this.#holds.get(projection);
    const isFree = found === undefined || found.untilMs <= this.#clock.nowMs();
    if (!isFree && found.owner !== owner) return found;
    this.#holds.set(projection, { owner, untilMs: Math.floor(untilMs) });
    return null;
  }

  async release(projection: string, owner: string): Promise<void> {
    if (this.#holds.get(projection)?.owner === owner) this.#holds.delete(projection);
  }
}
