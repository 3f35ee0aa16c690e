/**
 * A lane is one projection in one partition during one epoch. It writes batches one after the
 * other and saves checkpoints, never one that is ahead of what the store has acknowledged (I1).
 * The next batch is opened from what the one under way will have reached; when that one is given up,
 * the lane has come to its end, since what follows would be ahead of it.
 *
 * A retriable error is retried until the epoch is over; any other one stops the projection, here
 * and in all partitions of the worker, and leaves the others alone.
 */
import type { Logger } from '../logger.ts';
import { applyDeltas, type KeyDeltas } from '../projection/changes.ts';
import type { Clock, Random } from './clock.ts';
import type { DeadLetterWriter } from './dead-letter.ts';
import type { DeadLetterStore } from './dead-letter-store.ts';
import { beginning, foldSlice, type LaneBatch, openLaneBatch } from './lane-batch.ts';
import { LaneLetters } from './lane-letters.ts';
import type { WorkerObserver, WrittenRows } from './observer.ts';
import { type Outcome, untilDone } from './retry.ts';
import type {
  Checkpoint,
  CheckpointStore,
  ReadModel,
  ReadModelStore,
  StoredTotals,
  TotalsWrite,
} from './store.ts';
import type { EntryDecoder, TakenRecord } from './taken-record.ts';
import { TotalsCache } from './totals-cache.ts';
import type { WaitingLetters } from './waiting-letters.ts';
import { type Hosted, readModelOf, type WorkerSettings } from './worker-settings.ts';

/** What the lanes of an epoch share. */
export type LaneContext = {
  readonly settings: WorkerSettings;
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterWriter;
  readonly letters: DeadLetterStore;
  readonly decoder: EntryDecoder;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
  /** Aborted when the epoch is over: nothing more is worth doing. */
  readonly over: AbortSignal;
  readonly isStopped: (projection: string) => boolean;
  readonly stop: (projection: string, error: unknown) => void;
};

const noRows: WrittenRows = { upserts: 0, deletes: 0, totals: 0 };

export class Lane {
  readonly hosted: Hosted;
  readonly #context: LaneContext;
  readonly #partition: number;
  readonly #model: ReadModel;
  readonly #cache: TotalsCache;
  readonly #letters: LaneLetters;
  /** All that was ever added up in this partition has gone through this lane. */
  readonly #isWhole: boolean;
  #reached: Checkpoint;
  #saved: Checkpoint;
  #writing: LaneBatch | null = null;
  #gaveUp = false;

  constructor(
    context: LaneContext,
    hosted: Hosted,
    partition: number,
    from: Checkpoint,
    waiting: WaitingLetters,
  ) {
    this.#context = context;
    this.hosted = hosted;
    this.#partition = partition;
    this.#model = readModelOf(hosted);
    this.#cache = new TotalsCache(context.settings.totalsCacheEntriesMax);
    this.#letters = new LaneLetters(context, hosted, partition, waiting, {
      insist: (operation, call) => this.#untilDone(operation, call),
    });
    this.#isWhole = hosted.isNew === true && from === beginning;
    this.#reached = from;
    this.#saved = from;
  }

  get name(): string {
    return this.hosted.projection.name;
  }

  get running(): boolean {
    return !this.#gaveUp && !this.#context.isStopped(this.name);
  }

  /** How far the acknowledged writes go. */
  get reached(): Checkpoint {
    return this.#reached;
  }

  get saved(): Checkpoint {
    return this.#saved;
  }

  get totalsCached(): number {
    return this.#cache.size;
  }

  /** The batch after the one that is being written, if there is one. */
  open(): LaneBatch {
    const from = this.#writing?.reached ?? this.#reached;
    // Deltas are added up where none of their totals will be loaded: what is loaded may be ahead in the midst of
    // them, by a former owner. What the batch under way puts into the cache is counted already.
    const addsUp = this.#isWhole && this.#cache.keepsAll(this.#writing?.deltas.size ?? 0);
    return openLaneBatch(this.hosted.projection, from, {
      measures: this.#context.observer.measuresEvents !== false,
      addsUp,
    });
  }

  /** Adds the next records of the partition to the batch. Never throws. */
  fold(batch: LaneBatch, records: readonly TakenRecord[]): void {
    try {
      if (this.running) foldSlice(batch, records, this.#letters.waiting);
    } catch (thrown) {
      this.#gaveUp = true;
      this.#context.stop(this.name, thrown);
    }
  }

  /**
   * True when everything in the batch is acknowledged; false when given up, and the lane with it. Not
   * before the former one has ended. Never rejects.
   */
  async write(batch: LaneBatch): Promise<boolean> {
    if (!this.running) return false;
    this.#writing = batch;
    const written = await this.#write(batch);
    this.#writing = null;
    if (!written) this.#gaveUp = true;
    return written;
  }

  async #write(batch: LaneBatch): Promise<boolean> {
    const { clock, observer } = this.#context;
    try {
      // What is set aside, and what became of a retry, before any row that goes by it.
      if (!(await this.#letters.setAside(batch)) || !(await this.#letters.retry(batch)))
        return false;
      const rows = await this.#writeRows(batch);
      if (rows === null) return false;
      this.#reached = batch.reached;
      observer.applied({
        projection: this.name,
        partition: this.#partition,
        events: batch.events,
        readable: batch.readable,
        rows,
        acknowledgedAtMs: clock.nowMs(),
        reached: batch.reached,
      });
    } catch (thrown) {
      this.#context.stop(this.name, thrown);
      return false;
    }
    if (batch.halted === null) return true;
    await this.save();
    this.#context.stop(this.name, batch.halted);
    return false;
  }

  /** Makes `reached` durable, unless it is or the epoch is over. Never rejects. */
  async save(): Promise<void> {
    const reached = this.#reached;
    if (reached === this.#saved || !this.running) return;
    try {
      const outcome = await this.#untilDone('checkpoint', () =>
        this.#context.checkpoints.save(this.#model, this.#partition, reached),
      );
      // Two may be under way: of a projection that halts, and the writer’s.
      if (outcome.kind === 'done' && reached.offset >= this.#saved.offset) this.#saved = reached;
    } catch (thrown) {
      this.#context.stop(this.name, thrown);
    }
  }

  async #writeRows(batch: LaneBatch): Promise<WrittenRows | null> {
    if (batch.deltas.size > 0) return this.#writeTotals(batch);
    if (batch.rows.size === 0) return noRows;
    const writes = [...batch.rows.values()];
    const outcome = await this.#untilDone('rows', () =>
      this.#context.store.writeRows(this.#model, writes),
    );
    if (outcome.kind === 'over') return null;
    let deletes = 0;
    for (const write of writes) if (write.op === 'delete') deletes += 1;
    return { upserts: writes.length - deletes, deletes, totals: 0 };
  }

  async #writeTotals(batch: LaneBatch): Promise<WrittenRows | null> {
    const stored = await this.#loadTotals(batch.deltas);
    if (stored === null) return null;
    const writes: TotalsWrite[] = [];
    const results = new Map<string, StoredTotals>();
    for (const [text, deltas] of batch.deltas) {
      const before = stored.get(text) ?? null;
      let after: StoredTotals | null = before;
      for (const each of deltas) after = applyDeltas(after, each) ?? after;
      const key = deltas[0]?.key;
      if (after === null || key === undefined) continue;
      results.set(text, after);
      if (after !== before) writes.push({ key, shard: this.#partition, ...after });
    }
    if (writes.length > 0) {
      const outcome = await this.#untilDone('totals', () =>
        this.#context.store.writeTotals(this.#model, writes),
      );
      if (outcome.kind === 'over') return null;
    }
    for (const [text, totals] of results) this.#cache.put(text, totals);
    return { upserts: 0, deletes: 0, totals: writes.length };
  }

  /** The totals before the batch, from the cache or the store; absent where there is no row. */
  async #loadTotals(
    deltas: ReadonlyMap<string, readonly KeyDeltas[]>,
  ): Promise<ReadonlyMap<string, StoredTotals> | null> {
    const found = new Map<string, StoredTotals>();
    const missing: KeyDeltas[] = [];
    for (const [text, [first]] of deltas) {
      const cached = this.#cache.get(text);
      if (cached !== undefined) found.set(text, cached);
      else if (first !== undefined) missing.push(first);
    }
    this.#context.observer.totalsRead(found.size, missing.length);
    if (missing.length === 0 || (this.#isWhole && this.#cache.keepsAll(0))) return found;
    const keys = missing.map(({ key }) => key);
    const outcome = await this.#untilDone('totals-read', () =>
      this.#context.store.loadTotals(this.#model, this.#partition, keys),
    );
    if (outcome.kind === 'over') return null;
    missing.forEach(({ keyText }, index) => {
      const loaded = outcome.value[index];
      if (loaded !== undefined && loaded !== null) found.set(keyText, loaded);
    });
    return found;
  }

  #untilDone<T>(operation: string, call: () => Promise<T>): Promise<Outcome<T>> {
    const { clock, random, settings, over, observer, logger } = this.#context;
    const onRetry = (error: Error, attempt: number, pauseMs: number) => {
      observer.retried(operation);
      const fields = { projection: this.name, partition: this.#partition, operation, attempt };
      logger.warn({ ...fields, err: error, pauseMs: Math.round(pauseMs) }, error.message);
    };
    return untilDone(call, { clock, random, settings, over, onRetry });
  }
}
