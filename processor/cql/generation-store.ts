/**
 * The generations on CQL (engine/generations.ts). Whatever is decided here is one conditional write
 * (until-decided.ts).
 */
import type { Clock } from '../engine/clock.ts';
import {
  droppedGeneration,
  type Generation,
  type GenerationId,
  type GenerationStore,
  generationName,
  isSameGeneration,
  type Lease,
  type Live,
  liveGeneration,
  type Until,
  unknownGeneration,
} from '../engine/generations.ts';
import {
  type GenerationStatements,
  generationOf,
  generationStatements,
  leaseOf,
  liveOf,
} from './generation-statements.ts';
import type { DecidingSession, DecodedRow } from './session.ts';
import { mayTake, untilDecided } from './until-decided.ts';

type Known = { readonly generations: readonly Generation[]; readonly live: Live | null };

export class CqlGenerationStore implements GenerationStore {
  readonly #session: DecidingSession;
  readonly #statements: GenerationStatements;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(session: DecidingSession, keyspace: string, clock: Pick<Clock, 'nowMs'>) {
    this.#session = session;
    this.#statements = generationStatements(keyspace);
    this.#clock = clock;
  }

  async live(projections: readonly string[]): Promise<ReadonlyMap<string, Live>> {
    const found = await Promise.all(
      projections.map(async (projection) => {
        const doing = `reading which generation of ${projection} is live`;
        const [row] = await this.#session.read(doing, this.#statements.live(projection));
        return row === undefined ? null : liveOf(projection, row);
      }),
    );
    return new Map(found.filter((live) => live !== null).map((live) => [live.projection, live]));
  }

  async list(projection: string): Promise<readonly Generation[]> {
    return (await this.#known(projection)).generations;
  }

  async first(projection: string, version: number): Promise<Generation> {
    const id = { projection, version, generation: 1 };
    const made = { ...id, createdAtMs: this.#nowMs(), until: null };
    const found = (await this.list(projection)).find((each) => isSameGeneration(each, id));
    if (found !== undefined) return found;
    if (await this.#decide(id, this.#statements.create(made))) return created(made);
    return (await this.#find(id)).generation;
  }

  async create(projection: string, version: number, until: Until | null): Promise<Generation> {
    return await untilDecided(`taking a number for ${projection}`, async () => {
      const taken = (await this.list(projection))
        .filter((each) => each.version === version)
        .map((each) => each.generation);
      const generation = Math.max(0, ...taken) + 1;
      const made = { projection, version, generation, createdAtMs: this.#nowMs(), until };
      return (await this.#decide(made, this.#statements.create(made))) ? created(made) : undefined;
    });
  }

  async lease(projection: string, lease: Lease): Promise<Lease | null> {
    return await untilDecided(`taking the lease of ${projection}`, async () => {
      const held = await this.leased(projection);
      if (!mayTake(held, lease.owner, this.#clock.nowMs())) return held;
      const statement = this.#statements.lease(projection, lease, held);
      const doing = `taking the lease of ${projection}`;
      return (await this.#session.decide(doing, statement)) ? null : undefined;
    });
  }

  async leased(projection: string): Promise<Lease | null> {
    const doing = `reading the lease of ${projection}`;
    const statement = this.#statements.statics(projection);
    const [row] = await this.#session.readDecided(doing, statement);
    return row === undefined ? null : leaseOf(row);
  }

  async release(projection: string, owner: string): Promise<void> {
    const statement = this.#statements.release(projection, owner);
    await this.#session.decide(`giving back the lease of ${projection}`, statement);
  }

  async built(id: GenerationId, atMs: number): Promise<void> {
    if (!(await this.#decide(id, this.#statements.built(id, atMs)))) throw unknownGeneration(id);
  }

  async dropped(id: GenerationId, atMs: number): Promise<void> {
    await untilDecided(`dropping ${generationName(id)}`, async () => {
      const { generation, live } = await this.#find(id);
      if (isSameGeneration(live, id)) throw liveGeneration(id);
      return (await this.#decide(id, this.#statements.drop(generation, live, atMs))) || undefined;
    });
  }

  async promote(to: GenerationId, from: GenerationId | null, atMs: number): Promise<boolean> {
    return await untilDecided(`promoting ${generationName(to)}`, async () => {
      const { generation, live } = await this.#find(to);
      // Asked again after an answer that got lost.
      if (isSameGeneration(live, to) && live?.promotedAtMs === Math.floor(atMs)) return true;
      if (generation.droppedAtMs !== null) throw droppedGeneration(to);
      if (!isSameGeneration(live, from)) return false;
      const statement = this.#statements.promote(generation, live, atMs);
      return (await this.#decide(to, statement)) || undefined;
    });
  }

  async #find(id: GenerationId) {
    const { generations, live } = await this.#known(id.projection);
    const generation = generations.find((each) => isSameGeneration(each, id));
    if (generation === undefined) throw unknownGeneration(id);
    return { generation, live };
  }

  async #known(projection: string): Promise<Known> {
    const doing = `reading the generations of ${projection}`;
    const statement = this.#statements.all(projection);
    const rows: readonly DecodedRow[] = await this.#session.readDecided(doing, statement);
    const [first] = rows;
    return {
      generations: rows
        .map((row) => generationOf(projection, row))
        .filter((generation) => generation !== null),
      live: first === undefined ? null : liveOf(projection, first),
    };
  }

  #decide(id: GenerationId, statement: Parameters<DecidingSession['decide']>[1]) {
    return this.#session.decide(`writing what ${generationName(id)} is`, statement);
  }

  #nowMs(): number {
    return Math.floor(this.#clock.nowMs());
  }
}

function created(of: GenerationId & Pick<Generation, 'createdAtMs' | 'until'>): Generation {
  return { ...of, builtAtMs: null, promotedAtMs: null, droppedAtMs: null };
}
