/**
 * One partition during one epoch: fetches come in, are decoded once for all projections and queue
 * up within the worker's byte budget; whatever has queued up while the former batch was written
 * becomes the next one. Partitions know nothing of each other.
 *
 * Order: writes and dead letters acknowledged → checkpoints → the group's offset (I1). Watermarks
 * are seen at once and made durable with the next checkpoint, at most one per interval.
 */
import type { FetchedBatch, LogRecord } from '../kafka/log.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Lane, LaneContext } from './lane.ts';
import { type LaneBatch, rowsToWrite } from './lane-batch.ts';
import type { EventTimes } from './observer.ts';
import { untilDone } from './retry.ts';
import { bytesOf, isRetry, type TakenRecord, takeRecord } from './taken-record.ts';

export type PipelineContext = LaneContext & {
  readonly budget: ByteBudget;
  /** The partition is checkpointed up to this offset by every running projection. */
  readonly checkpointed: (partition: number, offset: number) => void;
};

/** What remains of the records of a batch until it is written. */
type FoldedRecords = {
  records: number;
  bytes: number;
  readonly times: EventTimes[];
  last: number;
  nextOffset: number;
};

type OpenBatch = { readonly lane: Lane; readonly batch: LaneBatch };

export class PartitionPipeline {
  readonly partition: number;
  readonly lanes: readonly Lane[];
  readonly #context: PipelineContext;
  #queue: (TakenRecord | LogRecord)[] = [];
  #sealed = false;
  #closed = false;
  #wake: (() => void) | null = null;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #endOffset: number | null = null;
  #progressAtMs: number;

  constructor(context: PipelineContext, partition: number, lanes: readonly Lane[]) {
    this.#context = context;
    this.partition = partition;
    this.lanes = lanes;
    this.#progressAtMs = context.clock.nowMs();
  }

  get endOffset(): number | null {
    return this.#endOffset;
  }

  /** When a batch was last acknowledged; the start of the epoch before the first. */
  get progressAtMs(): number {
    return this.#progressAtMs;
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

  /** Resolves when sealed and done, or when the epoch is over. Never rejects. */
  async run(): Promise<void> {
    const { over } = this.#context;
    const wake = () => this.#wake?.();
    over.addEventListener('abort', wake);
    while (!over.aborted && this.lanes.some((lane) => lane.running)) {
      if (this.#queue.length > 0) await this.#writeBatch();
      else if (this.#sealed) break;
      else await this.#idle();
      if (this.#saveDueInMs() <= 0) await this.#save();
    }
    await this.#save();
    over.removeEventListener('abort', wake);
    this.#closed = true;
    this.#release(this.#queue.reduce((bytes, record) => bytes + bytesOf(record), 0));
    this.#queue = [];
  }

  async #writeBatch(): Promise<void> {
    const { clock, observer } = this.#context;
    const takenAtMs = clock.nowMs();
    const open = this.lanes
      .filter((lane) => lane.running)
      .map((lane) => ({ lane, batch: lane.open() }));
    const before = Math.min(...open.map(({ batch }) => batch.reached.position));
    const folded = await this.#fold(open, before);
    const writeStartedAtMs = clock.nowMs();
    const written = await Promise.all(open.map(({ lane, batch }) => lane.write(batch)));
    this.#release(folded.bytes);
    if (!written.includes(true)) return;
    this.#progressAtMs = clock.nowMs();
    observer.finished({
      partition: this.partition,
      records: folded.records,
      events: folded.times,
      takenAtMs,
      writeStartedAtMs,
      acknowledgedAtMs: this.#progressAtMs,
    });
    const cached = this.lanes.reduce((entries, lane) => entries + lane.totalsCached, 0);
    observer.totalsCached(this.partition, cached);
  }

  /** Takes records from the queue until a limit is reached, and folds them into the batches. */
  async #fold(open: readonly OpenBatch[], after: number): Promise<FoldedRecords> {
    const { settings, clock, observer } = this.#context;
    const measuresEvents = observer.measuresEvents !== false;
    const folded: FoldedRecords = { records: 0, bytes: 0, times: [], last: after, nextOffset: 0 };
    const untilMs = clock.nowMs() + (settings.gatherMsMax ?? 0);
    while (folded.records < settings.batchRecordsMax) {
      if (this.#queue.length === 0 && !(await this.#gather(folded.nextOffset, untilMs))) break;
      if (folded.records > 0) await clock.yield();
      const room = settings.batchRecordsMax - folded.records;
      const slice = this.#nextSlice(Math.min(settings.sliceRecords, room), folded.records === 0);
      for (const { lane, batch } of open) lane.fold(batch, slice);
      note(folded, slice, measuresEvents);
      if (slice.length === 0 || slice.some(isRetry)) break;
      if (open.some(({ batch }) => rowsToWrite(batch) >= settings.batchRowsMax)) break;
    }
    return folded;
  }

  /**
   * Waits for more of what the partition has, so that larger batches are consolidated; true when
   * something came. Not when the worker's memory is short: only a write gives some of it back.
   */
  async #gather(nextOffset: number, untilMs: number): Promise<boolean> {
    const { budget, over, clock } = this.#context;
    for (;;) {
      const more = this.#endOffset !== null && nextOffset < this.#endOffset;
      const leftMs = untilMs - clock.nowMs();
      if (!more || leftMs <= 0 || this.#sealed || over.aborted || budget.isShort) return false;
      const forget = budget.whenShort(() => this.#wake?.());
      await this.#wokenWithin(leftMs);
      forget();
      if (this.#queue.length > 0) return true;
    }
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

  async #save(): Promise<void> {
    const { over, checkpointed, clock } = this.#context;
    if (over.aborted) return;
    this.#savedAtMs = clock.nowMs();
    await Promise.all(this.lanes.map((lane) => lane.save()));
    const offsets = this.lanes.filter((lane) => lane.running).map((lane) => lane.saved.offset);
    if (!over.aborted && offsets.length > 0) checkpointed(this.partition, Math.min(...offsets));
  }

  /** Infinite when all is saved. */
  #saveDueInMs(): number {
    const { settings, clock } = this.#context;
    const unsaved = this.lanes.some((lane) => lane.running && lane.saved !== lane.reached);
    if (!unsaved) return Number.POSITIVE_INFINITY;
    return this.#savedAtMs + settings.checkpointIntervalMs - clock.nowMs();
  }

  /** Until there is something in the queue, a checkpoint is due, or nothing more will come. */
  async #idle(): Promise<void> {
    const dueInMs = this.#saveDueInMs();
    if (dueInMs > 0) await this.#wokenWithin(dueInMs);
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

/** Adds the times of the events that at least one projection took now; the records are not kept. */
function note(folded: FoldedRecords, slice: readonly TakenRecord[], withTimes: boolean): void {
  folded.records += slice.length;
  for (const { offset, bytes, content } of slice) {
    folded.bytes += bytes;
    folded.nextOffset = offset + 1;
    if (!withTimes || content.kind !== 'entry' || content.entry.position <= folded.last) continue;
    folded.last = content.entry.position;
    if (content.entry.kind === 'event') folded.times.push(content.times);
  }
}
