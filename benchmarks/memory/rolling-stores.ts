/**
 * Stores in memory for a run without an end: they forget what nobody will ask for again, the state of
 * sessions that are over and the totals that have not been touched for long. Not correct stores, but
 * of a constant size: what grows beside them is the process itself.
 */

import type {
  Checkpoint,
  CheckpointStore,
  ReadModel,
  ReadModelStore,
  StoredTotals,
  TotalsWrite,
} from '../../processor/engine/store.ts';
import type { Key } from '../../processor/projection/projection.ts';
import { MemoryStateStore } from '../../processor/sequencer/memory-state-store.ts';
import type {
  Hint,
  StateSegment,
  StateStore,
  TurnId,
} from '../../processor/sequencer/state-store.ts';

/**
 * State, of the last two ages: whatever is written or read in an age is carried into it. One that
 * was not touched for a whole age is gone.
 */
export class RollingStateStore implements StateStore {
  readonly segmentLimits = new MemoryStateStore().segmentLimits;
  readonly #stores = new Map<string, MemoryStateStore>();
  #former = new Map<string, MemoryStateStore>();
  readonly #hints = new Map<string, Set<string>>();
  #formerHints = new Map<string, Set<string>>();

  /** Begins another age: what was not touched since the last call is forgotten. */
  turn(): void {
    this.#former = new Map(this.#stores);
    this.#stores.clear();
    this.#formerHints = new Map(this.#hints);
    this.#hints.clear();
  }

  #of(container: string): MemoryStateStore {
    const found =
      this.#stores.get(container) ?? this.#former.get(container) ?? new MemoryStateStore();
    this.#former.delete(container);
    this.#stores.set(container, found);
    return found;
  }

  async positions(containers: readonly string[], below: number): Promise<readonly number[]> {
    const each = containers.map((container) => this.#of(container).positions([container], below));
    return (await Promise.all(each)).flat();
  }

  async rows(reads: Parameters<StateStore['rows']>[0]) {
    const each = reads.map((read) => this.#of(read.container).rows([read]));
    return (await Promise.all(each)).flat();
  }

  slice(...args: Parameters<StateStore['slice']>) {
    return this.#of(args[0]).slice(...args);
  }

  neighbour(...args: Parameters<StateStore['neighbour']>) {
    return this.#of(args[0]).neighbour(...args);
  }

  write(container: string, segments: readonly StateSegment[]): Promise<void> {
    return this.#of(container).write(container, segments);
  }

  #hintsOf({ role, uid }: TurnId): Set<string> {
    const key = `${role}:${uid}`;
    const found = this.#hints.get(key) ?? this.#formerHints.get(key) ?? new Set();
    this.#formerHints.delete(key);
    this.#hints.set(key, found);
    return found;
  }

  async sessionsOf(turns: readonly TurnId[]): Promise<readonly (readonly string[])[]> {
    return turns.map((turn) => [...this.#hintsOf(turn)]);
  }

  async addHints(hints: readonly Hint[]): Promise<void> {
    for (const hint of hints) this.#hintsOf(hint).add(hint.sessionUid);
  }

  async removeHints(hints: readonly Hint[]): Promise<void> {
    for (const hint of hints) this.#hintsOf(hint).delete(hint.sessionUid);
  }

  async *scan() {
    yield* [];
  }
}

/** Rows are taken and dropped: nobody reads them. Totals are kept by number, longest untouched first out. */
export class RollingReadModels implements ReadModelStore, CheckpointStore {
  readonly #totalsMax: number;
  readonly #totals = new Map<string, StoredTotals>();
  readonly #checkpoints = new Map<string, Map<number, Checkpoint>>();
  rowsWritten = 0;

  constructor(totalsMax: number) {
    this.#totalsMax = totalsMax;
  }

  async ensure(): Promise<void> {
    // Nothing is made.
  }

  async writeRows(_: ReadModel, writes: readonly unknown[]): Promise<void> {
    this.rowsWritten += writes.length;
  }

  async writeTotals(model: ReadModel, writes: readonly TotalsWrite[]): Promise<void> {
    this.rowsWritten += writes.length;
    for (const { key, shard, totals, position } of writes) {
      const id = totalsId(model, shard, key);
      this.#totals.delete(id);
      this.#totals.set(id, { totals, position });
    }
    for (const id of this.#totals.keys()) {
      if (this.#totals.size <= this.#totalsMax) return;
      this.#totals.delete(id);
    }
  }

  async loadTotals(model: ReadModel, shard: number, keys: readonly Key[]) {
    return keys.map((key) => this.#totals.get(totalsId(model, shard, key)) ?? null);
  }

  async load(model: ReadModel): Promise<ReadonlyMap<number, Checkpoint>> {
    return this.#checkpoints.get(model.shape.projection) ?? new Map();
  }

  async save(model: ReadModel, partition: number, checkpoint: Checkpoint): Promise<void> {
    const name = model.shape.projection;
    const held = this.#checkpoints.get(name) ?? new Map<number, Checkpoint>();
    this.#checkpoints.set(name, held.set(partition, checkpoint));
  }
}

function totalsId({ shape }: ReadModel, shard: number, key: Key): string {
  return `${shape.projection}:${shard}:${JSON.stringify(key)}`;
}
