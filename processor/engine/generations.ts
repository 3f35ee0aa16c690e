/**
 * The port to what builds of read models there are, and which of them readers use (DESIGN 3.6). These
 * are the only decisions that are conditional writes: two people may ask for the same thing at once.
 * cql/ implements it, memory-generations.ts too; both keep generations.contract.ts.
 *
 * A generation is a table and its checkpoints. Its number is never given again, so no late write of a
 * dropped one can ever meet a new one (DESIGN 3.10).
 */
import { TurnstreamError } from '../error.ts';
import type { Lsn } from '../source/lsn.ts';

export type GenerationId = {
  readonly projection: string;
  readonly version: number;
  readonly generation: number;
};

/** What readers use of a projection. */
export type Live = GenerationId & { readonly promotedAtMs: number };

/** A read model as of the past holds what was committed at or before this; null: as of now, it is kept up to date. */
export type Until = { readonly lsn: Lsn } | { readonly committedAtMs: number };

export type Generation = GenerationId & {
  readonly createdAtMs: number;
  readonly until: Until | null;
  /**
   * When it was whole: left beside the live one by a replay, or promoted. Null while it is being built,
   * so also of one that is verified and whose promotion has not been decided.
   */
  readonly builtAtMs: number | null;
  /** When readers last began to use it; null: never yet. */
  readonly promotedAtMs: number | null;
  /** When its table was dropped; the row stays, so that the number stays taken. */
  readonly droppedAtMs: number | null;
};

/**
 * Who builds a generation at present. It is free once the lease has run out, by the clock of whoever
 * asks for it. It spares work twice, and protects nothing: two builders of one generation write the same.
 */
export type Lease = {
  readonly owner: string;
  /** What people are told of the owner: host and process. */
  readonly about: string;
  readonly untilMs: number;
};

/** Any call may be repeated after a retriable failure: what it was to do is then done once. */
export interface GenerationStore {
  /** By projection; absent: none was ever promoted. Cheap: workers ask twice a second. */
  live(projections: readonly string[]): Promise<ReadonlyMap<string, Live>>;
  /** All there ever were, by version and number. */
  list(projection: string): Promise<readonly Generation[]>;
  /** Generation 1 of the version, made unless it is there: the same one for all who ask at once. */
  first(projection: string, version: number): Promise<Generation>;
  /** Takes the next free number of the version. (Repeated after a failure it may leave one unused.) */
  create(projection: string, version: number, until: Until | null): Promise<Generation>;
  /** Null when it is taken or renewed; otherwise who has it. One of a projection at a time. */
  lease(projection: string, lease: Lease): Promise<Lease | null>;
  /** The lease as it stands, run out or not; null: there is none. */
  leased(projection: string): Promise<Lease | null>;
  /** Of this owner; nothing, if another has it by now. */
  release(projection: string, owner: string): Promise<void>;
  /** The last word holds. A generation that is not there is a GENERATION error. */
  built(id: GenerationId, atMs: number): Promise<void>;
  /** Of one that is live or not there: a GENERATION error. Said before the table is dropped. */
  dropped(id: GenerationId, atMs: number): Promise<void>;
  /**
   * Readers use `to` from now on, if they use `from` until now (null: nothing). False if they do not:
   * somebody else has promoted meanwhile. The same decision says that it is built, unless that was said. A `to` that is not there or was dropped is a GENERATION error.
   */
  promote(to: GenerationId, from: GenerationId | null, atMs: number): Promise<boolean>;
}

/** `<projection>_v<version>_g<generation>`: its table, and what people call it. */
export function generationName({ projection, version, generation }: GenerationId): string {
  return `${projection}_v${version}_g${generation}`;
}

export function isSameGeneration(one: GenerationId | null, other: GenerationId | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.projection === other.projection &&
    one.version === other.version &&
    one.generation === other.generation
  );
}

export function unknownGeneration(id: GenerationId): TurnstreamError {
  return new TurnstreamError(
    'GENERATION',
    `${generationName(id)} is not there; \`turnstream generations ${id.projection}\` lists what is`,
  );
}

export function droppedGeneration(id: GenerationId): TurnstreamError {
  return new TurnstreamError(
    'GENERATION',
    `${generationName(id)} was dropped, and its rows with it; \`turnstream replay ${id.projection}\` builds a new one`,
  );
}

export function liveGeneration(id: GenerationId): TurnstreamError {
  return new TurnstreamError(
    'GENERATION',
    `${generationName(id)} is what readers use: it is not dropped; promote another one first`,
  );
}
