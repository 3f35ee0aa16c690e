/**
 * What one partition makes durable during one epoch: one batch after the other, each by all lanes at
 * once, so totals are worked out from those of the former batch; and beside them the checkpoints, which
 * no batch waits for. A checkpoint is of what was acknowledged when it began: none is ahead of the
 * writes before it (I1).
 *
 * Order: writes and dead letters acknowledged → checkpoints → the group's offset. Watermarks are seen
 * at once and made durable with the next checkpoint, at most one per interval.
 */
import type { ByteBudget } from './byte-budget.ts';
import type { Lane, LaneContext } from './lane.ts';
import type { PartitionBatch } from './partition-batch.ts';
import type { Turns } from './turns.ts';

export type WriterContext = LaneContext & {
  readonly budget: ByteBudget;
  /** Null: partitions fold at the same time, slice by slice. */
  readonly turns: Turns | null;
  /** The partition is checkpointed up to this offset by every running projection. */
  readonly checkpointed: (partition: number, offset: number) => void;
};

export class PartitionWriter {
  readonly #context: WriterContext;
  readonly #partition: number;
  readonly #lanes: readonly Lane[];
  readonly #onEnd: () => void;
  #isBusy = false;
  #written: Promise<void> = Promise.resolve();
  #isSaving = false;
  #saved: Promise<void> = Promise.resolve();
  #failure: { readonly thrown: unknown } | null = null;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #progressAtMs: number;

  /** `onEnd`: a batch or the checkpoints have ended, the next may begin. */
  constructor(
    context: WriterContext,
    partition: number,
    lanes: readonly Lane[],
    onEnd: () => void,
  ) {
    this.#context = context;
    this.#partition = partition;
    this.#lanes = lanes;
    this.#onEnd = onEnd;
    this.#progressAtMs = context.clock.nowMs();
  }

  /** A batch is under way. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** In a way that nothing provides for: no more may be written. `ended` throws it. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** When a batch was last acknowledged; the start of the epoch before the first. */
  get progressAtMs(): number {
    return this.#progressAtMs;
  }

  /** Begins to write the batch, and then to save what that reaches when it is due. Not while it is busy. */
  write(batch: PartitionBatch): void {
    if (this.#isBusy) throw new Error('another batch of the partition is under way');
    this.#isBusy = true;
    this.#written = this.#untilEnded(async () => {
      await this.#write(batch);
      this.#isBusy = false;
      if (this.saveDueInMs() <= 0) this.save();
    });
  }

  /** Begins to save the checkpoints, unless it does so already. */
  save(): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    this.#saved = this.#untilEnded(async () => {
      await this.#save();
      this.#isSaving = false;
    });
  }

  /** Until all that is under way has ended. */
  async ended(): Promise<void> {
    await this.#written;
    await this.#saved;
    if (this.#failure !== null) throw this.#failure.thrown;
  }

  /** Infinite when all is saved, or about to be. */
  saveDueInMs(): number {
    const { settings, clock } = this.#context;
    const unsaved = this.#lanes.some((lane) => lane.running && lane.saved !== lane.reached);
    if (!unsaved || this.#isSaving) return Number.POSITIVE_INFINITY;
    return this.#savedAtMs + settings.checkpointIntervalMs - clock.nowMs();
  }

  async #untilEnded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#failure = { thrown };
    }
    this.#onEnd();
  }

  async #write(batch: PartitionBatch): Promise<void> {
    const { clock, observer, budget } = this.#context;
    const writeStartedAtMs = clock.nowMs();
    const written = await Promise.all(batch.open.map(({ lane, batch: own }) => lane.write(own)));
    budget.release(batch.bytes);
    observer.bytesInFlight(budget.used);
    if (!written.includes(true)) return;
    this.#progressAtMs = clock.nowMs();
    observer.finished({
      partition: this.#partition,
      records: batch.records,
      events: batch.times,
      takenAtMs: batch.takenAtMs,
      writeStartedAtMs,
      acknowledgedAtMs: this.#progressAtMs,
    });
    const cached = this.#lanes.reduce((entries, lane) => entries + lane.totalsCached, 0);
    observer.totalsCached(this.#partition, cached);
  }

  async #save(): Promise<void> {
    const { over, checkpointed, clock } = this.#context;
    if (over.aborted) return;
    this.#savedAtMs = clock.nowMs();
    await Promise.all(this.#lanes.map((lane) => lane.save()));
    const offsets = this.#lanes.filter((lane) => lane.running).map((lane) => lane.saved.offset);
    if (!over.aborted && offsets.length > 0) checkpointed(this.#partition, Math.min(...offsets));
  }
}
