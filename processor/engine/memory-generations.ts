/** The generations in memory (generations.ts), for tests and simulations. Each call is one step. */
import type { Clock } from './clock.ts';
import {
  droppedGeneration,
  type Generation,
  type GenerationId,
  type GenerationStore,
  isSameGeneration,
  type Lease,
  type Live,
  liveGeneration,
  type Until,
  unknownGeneration,
} from './generations.ts';

type Known = { generations: readonly Generation[]; live: Live | null; lease: Lease | null };

export class MemoryGenerations implements GenerationStore {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #known = new Map<string, Known>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  async live(projections: readonly string[]): Promise<ReadonlyMap<string, Live>> {
    const found = new Map<string, Live>();
    for (const projection of projections) {
      const { live } = this.#of(projection);
      if (live !== null) found.set(projection, live);
    }
    return found;
  }

  async list(projection: string): Promise<readonly Generation[]> {
    return this.#of(projection).generations;
  }

  async first(projection: string, version: number): Promise<Generation> {
    const id = { projection, version, generation: 1 };
    return this.#find(id) ?? this.#add(id, null);
  }

  async create(projection: string, version: number, until: Until | null): Promise<Generation> {
    const taken = this.#of(projection)
      .generations.filter((each) => each.version === version)
      .map((each) => each.generation);
    return this.#add({ projection, version, generation: Math.max(0, ...taken) + 1 }, until);
  }

  async lease(projection: string, lease: Lease): Promise<Lease | null> {
    const known = this.#of(projection);
    const { lease: held } = known;
    const free = held === null || held.untilMs <= this.#clock.nowMs();
    if (!free && held.owner !== lease.owner) return held;
    known.lease = { ...lease, untilMs: Math.floor(lease.untilMs) };
    return null;
  }

  async leased(projection: string): Promise<Lease | null> {
    return this.#of(projection).lease;
  }

  async release(projection: string, owner: string): Promise<void> {
    const known = this.#of(projection);
    if (known.lease?.owner === owner) known.lease = null;
  }

  async built(id: GenerationId, atMs: number): Promise<void> {
    this.#change(id, { builtAtMs: Math.floor(atMs) });
  }

  async dropped(id: GenerationId, atMs: number): Promise<void> {
    if (isSameGeneration(this.#of(id.projection).live, id)) throw liveGeneration(id);
    this.#change(id, { droppedAtMs: Math.floor(atMs) });
  }

  async promote(to: GenerationId, from: GenerationId | null, atMs: number): Promise<boolean> {
    const known = this.#of(to.projection);
    const promotedAtMs = Math.floor(atMs);
    const { live } = known;
    // Asked again after an answer that got lost.
    if (isSameGeneration(live, to) && live?.promotedAtMs === promotedAtMs) return true;
    const found = this.#find(to);
    if (found === undefined) throw unknownGeneration(to);
    if (found.droppedAtMs !== null) throw droppedGeneration(to);
    if (!isSameGeneration(live, from)) return false;
    const { projection, version, generation } = to;
    known.live = { projection, version, generation, promotedAtMs };
    this.#change(to, { promotedAtMs, builtAtMs: found.builtAtMs ?? promotedAtMs });
    return true;
  }

  #of(projection: string): Known {
    const known = this.#known.get(projection) ?? { generations: [], live: null, lease: null };
    this.#known.set(projection, known);
    return known;
  }

  #find(id: GenerationId): Generation | undefined {
    return this.#of(id.projection).generations.find((each) => isSameGeneration(each, id));
  }

  #add({ projection, version, generation }: GenerationId, until: Until | null): Generation {
    const created: Generation = {
      projection,
      version,
      generation,
      createdAtMs: Math.floor(this.#clock.nowMs()),
      until,
      builtAtMs: null,
      promotedAtMs: null,
      droppedAtMs: null,
    };
    const known = this.#of(projection);
    known.generations = [...known.generations, created].toSorted(
      (one, other) => one.version - other.version || one.generation - other.generation,
    );
    return created;
  }

  #change(id: GenerationId, change: Partial<Generation>): void {
    if (this.#find(id) === undefined) throw unknownGeneration(id);
    const known = this.#of(id.projection);
    known.generations = known.generations.map((each) =>
      isSameGeneration(each, id) ? { ...each, ...change } : each,
    );
  }
}
