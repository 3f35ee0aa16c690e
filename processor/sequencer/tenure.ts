/**
 * One tenure of the active sequencer: from the assignment of the one partition of `changes` to its
 * loss. Takes batches of records in order, folds them, makes the result durable in the order that
 * flush.ts keeps, and commits the raw offset last. Nothing of it outlives the tenure: the next owner,
 * this process or another, begins with what is durable.
 */
import { foldChange } from '../conversation/fold.ts';
import { momentOf } from '../conversation/moment.ts';
import { Workspace } from '../conversation/workspace.ts';
import { ByteBudget } from '../engine/byte-budget.ts';
import { untilDone } from '../engine/retry.ts';
import { assertNever } from '../error.ts';
import type { FetchedBatch, LogRecord, OffsetCommit } from '../kafka/log.ts';
import type { Lsn } from '../source/lsn.ts';
import { positionOf } from '../source/position.ts';
import type { LetterRetry } from '../source/retry.ts';
import type { Origin, SourceRecord } from '../source/row-change.ts';
import { isOvertaken, withTruncated } from './dead-letter.ts';
import { type DecodePorts, decodeBatch } from './decode-batch.ts';
import { type DriverPorts, readAhead, runFold } from './driver.ts';
import { type FlushPorts, fencedError, publish, takePending, writeState } from './flush.ts';
import {
  encodeLedger,
  isNewLsn,
  type Ledger,
  ledgerOf,
  originOfEnd,
  withChange,
  withLsn,
  withoutSnapshot,
  withSnapshot,
  withSnapshotRow,
} from './ledger.ts';
import type { RecordOutcome } from './observer.ts';
import { ParkedRecount, parkedOf, withParked } from './parked.ts';
import { bytesOf, countOfBatch, type Queued, queuedOf } from './queued.ts';
import type { TenureContext } from './settings.ts';
import { type SweepContext, sweepAbsent, sweepContextOf, sweepTruncated } from './sweep.ts';
import { isDue, watermarkOf } from './watermark.ts';
import { WriteBehind } from './write-behind.ts';

type Batch = { readonly records: readonly LogRecord[]; readonly bytes: number };

export class Tenure {
  readonly #context: TenureContext;
  readonly #epoch: number;
  readonly #over = new AbortController();
  readonly #budget: ByteBudget;
  readonly #workspace: Workspace;
  readonly #ports: FlushPorts;
  readonly #driverPorts: DriverPorts;
  readonly #letterPorts: DecodePorts;
  #ledger: Ledger;
  /** The offset that is committed; what the fence commits again. */
  #committed: OffsetCommit;
  #queue: Queued[] = [];
  #working: Promise<void> = Promise.resolve();
  #idle = true;
  readonly #behind: WriteBehind;

  constructor(context: TenureContext, epoch: number, committed: OffsetCommit | null) {
    const { settings } = context;
    this.#context = context;
    this.#epoch = epoch;
    const { containerBytesMax, eventBytesTarget, pendingEventBytesMax } = settings;
    this.#workspace = new Workspace({
      containerBytesMax,
      eventBytesTarget,
      pendingEventBytesMax,
      ...context.store.segmentLimits,
    });
    this.#budget = new ByteBudget(settings.bytesInFlightMax);
    this.#ledger = ledgerOf(committed, settings.positionBase);
    this.#committed = { offset: committed?.offset ?? 0, metadata: encodeLedger(this.#ledger) };
    this.#ports = {
      ...context,
      insist: (operation, run) => this.#insist(operation, run),
      fence: () => this.#commit(this.#committed),
    };
    this.#driverPorts = {
      store: context.store,
      settledBelow: () => positionOf(settings.positionBase, this.#committed.offset),
      insist: this.#ports.insist,
      flush: () => this.#flush(),
      publish: () => this.#publish(),
    };
    this.#behind = new WriteBehind({
      write: (offset) => this.#write(offset),
      over: this.#over.signal,
      settings,
    });
    const { insist } = this.#ports;
    const aside = { offsets: null };
    this.#letterPorts = { ...context, nowMs: context.clock.nowMs, insist, aside };
    context.observer.held(this.#committed.offset);
    context.observer.parked(parkedOf(this.#ledger.parked));
  }

  get startOffset(): number {
    return this.#committed.offset;
  }

  /** Resolves when there is room for more (back-pressure), or the tenure is over. */
  async take(batch: FetchedBatch, failed: (error: unknown) => void): Promise<void> {
    this.#context.observer.ended(batch.endOffset);
    const taken = batch.records.map(queuedOf);
    const bytes = bytesOf(taken);
    if (bytes === 0 || !(await this.#budget.acquire(bytes, this.#over.signal))) return;
    this.#queue.push(...taken);
    this.#start(failed);
    this.#context.observer.bytesInFlight(this.#budget.used);
  }

  #start(failed: (error: unknown) => void): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#working = this.#work(failed).catch((error: unknown) => {
      this.end();
      failed(error);
    });
  }

  /** The tenure is over; what is in hand is dropped. */
  end(): void {
    this.#over.abort();
  }

  /** Resolves when everything taken so far is durable. */
  async drained(): Promise<void> {
    await this.#working;
    await this.#behind.drained();
  }

  async #work(failed: (error: unknown) => void): Promise<void> {
    // What came in one fetch is one batch.
    await this.#context.clock.yield();
    try {
      while (this.#queue.length > 0 && !this.#over.signal.aborted) {
        await this.#process(this.#nextBatch(), failed);
      }
    } finally {
      this.#idle = true;
    }
  }

  #nextBatch(): Batch {
    const taken = this.#queue.splice(0, countOfBatch(this.#queue, this.#context.settings));
    const bytes = bytesOf(taken);
    this.#budget.release(bytes);
    return { records: taken.map(({ record }) => record), bytes };
  }

  async #process({ records, bytes }: Batch, failed: (error: unknown) => void): Promise<void> {
    const { clock, observer, settings } = this.#context;
    const last = records.at(-1);
    if (last === undefined) return;
    this.#behind.begin();
    const startedMs = clock.nowMs();
    const taken = await decodeBatch(records, this.#letterPorts);
    const changes = taken.flatMap(({ source }) =>
      source?.kind === 'row' || source?.kind === 'sweep' ? [source.change] : [],
    );
    await this.#insist('read state', () => readAhead(changes, this.#workspace, this.#driverPorts));
    for (const { record, source } of taken) {
      if (source === null) continue;
      observer.record(await this.#fold(record, source));
      const { events, hasManyEvents } = this.#workspace;
      if (hasManyEvents || events.length >= settings.pendingEventsMax) await this.#publish();
    }
    await this.#publish();
    const parked = withParked(this.#ledger.parked, this.#workspace.takeParked());
    this.#ledger = { ...this.#ledger, parked };
    const due = { offset: last.offset + 1, records: records.length, bytes };
    observer.batch(records.length, (clock.nowMs() - startedMs) / 1000);
    observer.parked(parkedOf(parked));
    await this.#behind.end(due, (error) => {
      this.end();
      failed(error);
    });
  }

  async #fold(record: LogRecord, source: SourceRecord): Promise<RecordOutcome> {
    if (isOvertaken(record, source, this.#ledger, this.#context.settings.positionBase)) {
      return 'irrelevant';
    }
    switch (source.kind) {
      case 'row': {
        if (source.snapshot !== null) this.#snapshotBegins(record, source.origin.lsn);
        const outcome = await this.#foldChange(record, source);
        if (source.snapshot === 'last') await this.#endSnapshot(record, source.origin);
        return outcome;
      }
      case 'sweep':
        return await this.#foldChange(record, source);
      case 'sweep-end':
        if (this.#ledger.pendingSweep === source.sweepId) {
          this.#ledger = { ...this.#ledger, pendingSweep: null };
        }
        return 'applied';
      case 'truncate':
        this.#ledger = withLsn(this.#ledger, source.origin.lsn, false);
        this.#ledger = withTruncated(this.#ledger, record, source, this.#context.settings);
        await this.#sweep(record, (context) => sweepTruncated(context, source));
        return 'applied';
      case 'heartbeat':
        this.#heartbeat(record, source);
        return 'applied';
      case 'retry':
        return this.#retry(record, source.letter);
      case 'snapshot-begin':
        this.#snapshotBegins(record, null);
        return 'applied';
      case 'snapshot-end':
        await this.#endSnapshot(record, originOfEnd(this.#ledger, source.endedAt));
        return 'applied';
      case 'irrelevant':
        return 'irrelevant';
      default:
        return assertNever(source);
    }
  }

  async #foldChange(
    record: LogRecord,
    source: Extract<SourceRecord, { kind: 'row' | 'sweep' }>,
  ): Promise<RecordOutcome> {
    const { positionBase } = this.#context.settings;
    const isRead = source.kind === 'row' && source.snapshot !== null;
    const sweep = source.kind === 'sweep' ? source.expected : null;
    const rest = {
      origin: source.origin,
      isNew: !isRead && sweep === null && isNewLsn(this.#ledger, source.origin.lsn),
      isRead,
      sweep,
    };
    const moments = [
      momentOf(positionBase, record.offset, 0, rest),
      momentOf(positionBase, record.offset, 1, rest),
    ] as const;
    const outcome = await runFold(
      foldChange(this.#workspace, source.change, moments),
      this.#workspace,
      this.#driverPorts,
    );
    if (sweep === null) this.#ledger = withLsn(this.#ledger, source.origin.lsn, false);
    this.#ledger = withChange(this.#ledger);
    return outcome === 'parked' ? 'parked' : outcome === 'applied' ? 'applied' : 'irrelevant';
  }

  #heartbeat(record: LogRecord, { origin }: Extract<SourceRecord, { kind: 'heartbeat' }>): void {
    const { idleWatermarkMs } = this.#context.settings;
    this.#ledger = withLsn(this.#ledger, origin.lsn, true);
    if (!isDue(this.#ledger, origin, idleWatermarkMs)) return;
    this.#workspace.events.push(watermarkOf(this.#positionOf(record), origin));
    const watermark = { lsn: origin.lsn, committedAtMs: origin.committedAt };
    this.#ledger = { ...this.#ledger, watermark, changed: false };
  }

  /** The log gives the retry its position; whoever set the letter aside does the rest. */
  #retry(record: LogRecord, letter: LetterRetry): RecordOutcome {
    const { eventsPartitions } = this.#context.settings;
    if (letter.partition >= eventsPartitions) return 'irrelevant';
    this.#workspace.events.push({ kind: 'retry', position: this.#positionOf(record), ...letter });
    return 'applied';
  }

  #positionOf({ offset }: LogRecord) {
    return positionOf(this.#context.settings.positionBase, offset);
  }

  #snapshotBegins(record: LogRecord, lsn: Lsn | null): void {
    const position = this.#positionOf(record);
    this.#ledger =
      lsn === null
        ? withSnapshot(this.#ledger, position, null)
        : withSnapshotRow(this.#ledger, position, lsn);
  }

  /** With its last row, or when all of it has come; nothing when it has ended already. */
  async #endSnapshot(record: LogRecord, origin: Origin): Promise<void> {
    const { snapshotFrom, snapshotSweeps } = this.#ledger;
    this.#ledger = withoutSnapshot(this.#ledger);
    if (snapshotFrom === null || !snapshotSweeps) return;
    await this.#sweep(record, (context) => sweepAbsent(context, origin, snapshotFrom));
  }

  #sweepContext(record: LogRecord): SweepContext {
    const { producer, settings } = this.#context;
    // The fence after the look and before the word: a former owner that hung in between would
    // sweep what the new one has added (I6).
    const append = async (values: readonly Buffer[]) => {
      await this.#commit(this.#committed);
      const records = values.map((value) => {
        return { topic: settings.changesTopic, partition: 0, key: null, value };
      });
      await this.#insist('append sweep', () => producer.append(records));
    };
    const parked = new ParkedRecount(this.#ledger.parked, this.#context.clock.nowMs());
    return sweepContextOf(this.#context, this.#epoch, record.offset, parked, append);
  }

  /** Everything before it is durable and this one the owner; until its end comes round no watermark is true. */
  async #sweep(record: LogRecord, run: (context: SweepContext) => Promise<string>): Promise<void> {
    await this.#flush();
    const context = this.#sweepContext(record);
    const pendingSweep = await run(context);
    this.#workspace.takeParked();
    this.#context.logger.info(
      { offset: record.offset, sweep: pendingSweep },
      'a sweep was appended',
    );
    this.#ledger = { ...this.#ledger, pendingSweep, parked: context.parked.result() };
    // No later record may be folded before this: a second look would take what it adds for absent.
    const commit = { offset: record.offset + 1, metadata: encodeLedger(this.#ledger) };
    await this.#commit(commit);
    this.#committed = commit;
  }

  async #publish(): Promise<void> {
    for (const entry of this.#workspace.events) {
      if (entry.kind === 'event') this.#context.observer.event(entry.type);
    }
    await publish(this.#workspace, this.#ports);
  }

  /** Within a batch: all so far durable, the raw offset not yet. */
  async #flush(): Promise<void> {
    await this.#publish();
    await this.#behind.settled();
    await writeState(takePending(this.#workspace), this.#ports);
  }

  /**
   * Takes all that was changed up to the end of a batch. State, then the raw offset; only then the hints
   * that are no longer true are removed.
   */
  async #write(offset: number): Promise<void> {
    const workspace = this.#workspace;
    const { store, observer, settings } = this.#context;
    const pending = takePending(workspace);
    workspace.settle(settings.cacheBytesMax);
    workspace.evictHints(settings.hintsMax);
    observer.cache(workspace.containerCount, workspace.bytes);
    observer.hints(workspace.hintCount);
    const hints = workspace.takeHintsToRemove();
    const { watermark } = this.#ledger;
    const commit = { offset, metadata: encodeLedger(this.#ledger) };
    await writeState(pending, this.#ports);
    await this.#commit(commit);
    this.#committed = commit;
    if (hints.length > 0) {
      await this.#insist('remove hints', () => store.removeHints(hints));
    }
    workspace.hintsRemoved();
    const mark = watermark && { lsn: watermark.lsn, committedAt: watermark.committedAtMs };
    observer.advanced(commit.offset, mark);
  }

  async #commit(commit: OffsetCommit): Promise<void> {
    const { consumer } = this.#context;
    const outcome = await this.#insist('commit offset', () =>
      consumer.commit(this.#epoch, new Map([[0, commit]])),
    );
    if (outcome === 'fenced') throw fencedError();
  }

  async #insist<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const { clock, random, settings, observer, logger } = this.#context;
    const result = await untilDone(run, {
      clock,
      random,
      settings,
      over: this.#over.signal,
      onRetry: (error, attempt, pauseMs) => {
        observer.retried(operation);
        logger.warn({ operation, attempt, pauseMs, err: error }, 'trying again');
      },
    });
    if (result.kind === 'over') throw fencedError();
    return result.value;
  }
}
