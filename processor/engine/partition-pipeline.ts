/**
 * One partition during one epoch: fetches come in, are decoded once for all projections and queue
 * up within the worker's byte budget. While a batch is written the next one is opened from what that will have
 * reached, and folded from whatever queues up meanwhile; it goes out when the former write ends. So
 * there are at most two: one under way (partition-writer.ts) and one that is being folded. Partitions
 * know nothing of each other.
 */
import type { FetchedBatch, LogRecord } from '../kafka/log.ts';
import type { Lane } from './lane.ts';
import {
  decidesTheNext,
  foldRecords,
  openPartitionBatch,
  type PartitionBatch,
  rowsOf,
} from './partition-batch.ts';
import { PartitionWriter, type WriterContext } from './partition-writer.ts';
import { untilDone } from './retry.ts';
import { bytesOf, isRetry, type TakenRecord, takeRecord } from './taken-record.ts';

export class PartitionPipeline {
  readonly partition: number;
  readonly lanes: readonly Lane[];
  readonly #context: WriterContext;
  readonly #writer: PartitionWriter;
  #queue: (TakenRecord | LogRecord)[] = [];
  #sealed = false;
  #closed = false;
  #wake: (() => void) | null = null;
  #endOffset: number | null = null;

  constructor(context: WriterContext, partition: number, lanes: readonly Lane[]) {
    this.#context = context;
    this.partition = partition;
    this.lanes = lanes;
    this.#writer = new PartitionWriter(context, partition, lanes, () => this.#wake?.());
  }

  get endOffset(): number | null {
    return this.#endOffset;
  }

  /** When a batch was last acknowledged; the start of the epoch before the first. */
  get progressAtMs(): number {
    return this.#writer.progressAtMs;
  }

  get #isOver(): boolean {
    return this.#context.over.aborted || this.#writer.hasFailed;
  }

  /** Resolves when the fetch is in the queue: held back while there is no room for it. */
  async offer(fetched: FetchedBatch): Promise<void> {
    const { budget, over, observer, settings, clock, decoder } = this.#context;
    this.#endOffset = fetched.endOffset;
    for (const lane of this.lanes) observer.ended(lane.name, this.partition, fetched.endOffset);
    let held = 0;
    for (const record of fetched.records) held += bytesOf(record);
    if (!(await budget.acquire(held, over))) return;
    observer.bytesInFlight(budget.used);
    await this.#loadSchemas(fetched);
    for (let start = 0; start < fetched.records.length; start += settings.sliceRecords) {
      if (start > 0) await clock.yield();
      if (this.#closed) break;
      for (const record of fetched.records.slice(start, start + settings.sliceRecords)) {
        this.#queue.push(settings.decodesLate === true ? record : takeRecord(record, decoder));
        held -= bytesOf(record);
      }
      this.#wake?.();
    }
    this.#release(held);
  }

  /** No more will be offered: what is queued is written, then `run` resolves. */
  seal(): void {
    this.#sealed = true;
    this.#wake?.();
  }

  /** Resolves when sealed and done, or when the epoch is over and nothing is under way any more. */
  async run(): Promise<void> {
    const { over } = this.#context;
    const wake = () => this.#wake?.();
    over.addEventListener('abort', wake);
    while (!this.#isOver && this.lanes.some((lane) => lane.running)) {
      if (this.#queue.length > 0) await this.#nextBatch();
      else if (this.#sealed) break;
      else await this.#idle();
    }
    over.removeEventListener('abort', wake);
    this.#closed = true;
    this.#release(this.#queue.reduce((bytes, record) => bytes + bytesOf(record), 0));
    this.#queue = [];
    await this.#writer.ended();
    this.#writer.save();
    await this.#writer.ended();
  }

  /** Folds the next batch, and begins to write it once the former one is written. */
  async #nextBatch(): Promise<void> {
    const batch = await this.#fold();
    await this.#untilWritten();
    if (this.#isOver) return this.#release(batch.bytes);
    this.#writer.write(batch);
    if (decidesTheNext(batch)) await this.#untilWritten();
  }

  /** Takes records from the queue until a limit is reached, and folds them. */
  async #fold(): Promise<PartitionBatch> {
    const { settings, clock, observer, turns } = this.#context;
    const measuresEvents = observer.measuresEvents !== false;
    await turns?.take(0);
    const batch = openPartitionBatch(this.lanes, clock.nowMs());
    while (batch.records < settings.batchRecordsMax && !this.#isOver) {
      if (this.#queue.length === 0 && !(await this.#more(batch))) break;
      if (batch.records > 0) {
        await clock.yield();
        await turns?.cede(batch.records);
      }
      const room = settings.batchRecordsMax - batch.records;
      const slice = this.#nextSlice(Math.min(settings.sliceRecords, room), batch.records === 0);
      foldRecords(batch, slice, measuresEvents);
      if (slice.length === 0 || slice.some(isRetry)) break;
      if (rowsOf(batch) >= settings.batchRowsMax) break;
    }
    turns?.pass();
    return batch;
  }

  /**
   * Waits for more in the queue, true when something came: as long as the former batch is written, since
   * this one can't go out before; then as long as a batch gathers, so that larger ones are consolidated.
   */
  async #more(batch: PartitionBatch): Promise<boolean> {
    const { budget, turns } = this.#context;
    turns?.pass();
    while (this.#queue.length === 0) {
      const leftMs = this.#writer.isBusy ? Number.POSITIVE_INFINITY : this.#gatherLeftMs(batch);
      if (leftMs <= 0 || this.#isOver) break;
      const forget = budget.whenShort(() => this.#wake?.());
      await this.#wokenWithin(leftMs);
      forget();
    }
    await turns?.take(batch.records);
    return this.#queue.length > 0;
  }

  /** None when the partition has no more, or the worker's memory is short: only a write gives some of it back. */
  #gatherLeftMs({ takenAtMs, nextOffset }: PartitionBatch): number {
    const { budget, settings, clock } = this.#context;
    const hasMore = this.#endOffset !== null && nextOffset < this.#endOffset;
    if (!hasMore || this.#sealed || budget.isShort) return 0;
    return takenAtMs + (settings.gatherMsMax ?? 0) - clock.nowMs();
  }

  /** A retry is a batch of its own: none unless it comes first. */
  #nextSlice(recordsMax: number, isFirst: boolean): readonly TakenRecord[] {
    const { decoder } = this.#context;
    const slice = this.#queue
      .splice(0, recordsMax)
      .map((record) => ('content' in record ? record : takeRecord(record, decoder)));
    const retry = slice.findIndex(isRetry);
    if (retry < 0) return slice;
    const taken = retry === 0 && isFirst ? 1 : retry;
    this.#queue.unshift(...slice.slice(taken));
    return slice.slice(0, taken);
  }

  /** Until there is something in the queue, a checkpoint is due, or nothing more will come. */
  async #idle(): Promise<void> {
    const dueInMs = this.#writer.saveDueInMs();
    if (dueInMs <= 0) this.#writer.save();
    else await this.#wokenWithin(dueInMs);
  }

  /** Until nothing is under way, or the epoch is over. */
  async #untilWritten(): Promise<void> {
    while (this.#writer.isBusy && !this.#isOver) {
      await this.#wokenWithin(Number.POSITIVE_INFINITY);
    }
  }

  /** Until somebody wakes it, or the time is over. */
  async #wokenWithin(dueInMs: number): Promise<void> {
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const { clock } = this.#context;
    const due = Number.isFinite(dueInMs) ? [clock.delay(dueInMs, timer.signal)] : [];
    await Promise.race([woken, ...due]);
    this.#wake = null;
    timer.abort();
  }

  /** A schema that is not to be had leaves its records undecodable, which dead letters tell. */
  async #loadSchemas(fetched: FetchedBatch): Promise<void> {
    const { decoder, clock, random, settings, over, observer, logger } = this.#context;
    const values = fetched.records.map(({ value }) => value);
    try {
      await untilDone(() => decoder.load(values), {
        clock,
        random,
        settings,
        over,
        onRetry: (error) => {
          observer.retried('schema');
          logger.warn({ err: error, partition: this.partition }, error.message);
        },
      });
    } catch (thrown) {
      logger.error({ err: thrown, partition: this.partition }, 'a schema could not be loaded');
    }
  }

  #release(bytes: number): void {
    const { budget, observer } = this.#context;
    if (bytes > 0) budget.release(bytes);
    observer.bytesInFlight(budget.used);
  }
}
