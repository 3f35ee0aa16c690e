/**
 * The end of the event log while it is compared: read on and on, from where it ended before the snapshot.
 * Every event that the snapshot sees is before the first watermark at or above its LSN (I4), in every partition; what it does not see is
 * what has changed since. Both are told event by event, by the transaction.
 *
 * A snapshot later than the first one is begun behind a gate: nothing is taken between its making and
 * its being known.
 */
import type { EntryDecoder } from '../engine/taken-record.ts';
import { TurnstreamError } from '../error.ts';
import type { ConversationEvent } from '../event/event.ts';
import type { Log, LogConsumer, LogRecord } from '../kafka/log.ts';
import type { Lsn } from '../source/lsn.ts';
import type { SourceSnapshot, Target } from './ports.ts';
import { Touched } from './touched.ts';

export type TailSettings = {
  readonly eventsTopic: string;
  /** Not met again. */
  readonly group: string;
  readonly partitions: number;
  readonly fluxRowsMax: number;
};

type PartitionTail = {
  /** Offset of the next record to take. */
  next: number;
  /** Of the last entry that was taken. */
  position: number;
  /** Of the first watermark at or above the snapshot's LSN. */
  watermark: { readonly offset: number; readonly position: number } | null;
  /** The last watermark that was taken, of any LSN. */
  mark: { readonly offset: number; readonly position: number } | null;
  /** Of the first event that the snapshot does not see. */
  unseen: number | null;
};

type View = Pick<SourceSnapshot, 'lsn' | 'sees'>;

type Waiter = { readonly isDone: () => boolean; readonly resolve: () => void };

export class Tail {
  readonly #log: Log;
  readonly #decoder: EntryDecoder;
  readonly #targets: readonly Target[];
  readonly #settings: TailSettings;
  #parts: PartitionTail[] = [];
  #consumer: LogConsumer | null = null;
  #failure: { readonly error: unknown } | null = null;
  #waiters: Waiter[] = [];
  #view: View | null = null;
  #gate: Promise<void> = Promise.resolve();
  #openGate: () => void = () => undefined;
  #isHeld = false;
  #taking: Promise<void> = Promise.resolve();
  /** What was being taken when it was held. */
  #taken: Promise<void> = Promise.resolve();
  #clean = true;
  #before = new Map<Target, Touched>();
  #since = new Map<Target, Touched>();

  constructor(log: Log, decoder: EntryDecoder, targets: readonly Target[], settings: TailSettings) {
    this.#log = log;
    this.#decoder = decoder;
    this.#targets = targets;
    this.#settings = settings;
  }

  /** Notes where the log ends, and takes what comes from there once the first snapshot is begun. */
  async start(): Promise<void> {
    void this.hold();
    this.#parts = (await this.ends()).map((next) => ({
      next,
      position: -1,
      watermark: null,
      mark: null,
      unseen: null,
    }));
    const { group, eventsTopic } = this.#settings;
    const consumer = await this.#log.consumer(group, eventsTopic);
    this.#consumer = consumer;
    const running = consumer.run({
      assigned: async (_, partitions) =>
        new Map([...partitions.keys()].map((one) => [one, this.#parts[one]?.next ?? 0])),
      revoked: () => undefined,
      batch: (_epoch, partition, { records }) => this.#take(partition, records),
    });
    running.catch((error: unknown) => {
      this.#failure = { error };
      this.#wake();
    });
  }

  async stop(): Promise<void> {
    this.#openGate();
    await this.#consumer?.stop();
  }

  /** Takes nothing until the next `begin`; resolves when what is being taken is. */
  hold(): Promise<void> {
    if (this.#isHeld) return this.#taken;
    this.#isHeld = true;
    this.#taken = this.#taking;
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
    return this.#taken;
  }

  /** From now on events are told apart by this snapshot, which was made after `start` or `hold`. */
  begin(view: View): void {
    this.#view = view;
    this.#clean = true;
    this.#before = this.#since;
    this.#since = new Map(
      this.#targets.map((each) => [each, new Touched(each.projection, this.#settings.fluxRowsMax)]),
    );
    for (const part of this.#parts) Object.assign(part, { watermark: null, unseen: null });
    this.release();
  }

  /** Goes on with the same snapshot. */
  release(): void {
    this.#isHeld = false;
    this.#openGate();
  }

  /** Nothing was met that may or may not be in the snapshot: what Debezium reads of the tables has no place in the log's order. */
  get isClean(): boolean {
    return this.#clean;
  }

  /** What the snapshot does not see of the events taken so far. */
  since(target: Target): Touched {
    const found = this.#since.get(target);
    if (found === undefined) throw new Error(`no tail of ${target.projection.name} is read`);
    return found;
  }

  /** What was taken from the former snapshot on, to the present one's end. */
  before(target: Target): Touched | undefined {
    return this.#before.get(target);
  }

  /** Offsets behind the watermark that has all the snapshot sees; the rest of them is not known before `watermarked`. */
  get watermarks(): readonly number[] {
    return this.#parts.map(({ watermark }) => (watermark?.offset ?? 0) + 1);
  }

  /** Above all positions that the snapshot sees, at or below all others. Known once `watermarked`. */
  get cut(): number {
    return Math.min(
      ...this.#parts.flatMap(({ watermark, unseen }) => [
        unseen ?? Number.POSITIVE_INFINITY,
        watermark?.position ?? Number.POSITIVE_INFINITY,
      ]),
    );
  }

  /** The last position that was taken of the partition. */
  highest(partition: number): number {
    return this.#parts[partition]?.position ?? -1;
  }

  get highestOfAll(): number {
    return Math.max(...this.#parts.map(({ position }) => position));
  }

  watermarked(): Promise<void> {
    return this.#until(() => this.#parts.every(({ watermark }) => watermark !== null));
  }

  /** Partitions that still lack it. */
  get unmarked(): readonly number[] {
    return this.#parts.flatMap(({ watermark }, partition) =>
      watermark === null ? [partition] : [],
    );
  }

  /** Everything that is in the log now has been taken. */
  async toEnd(): Promise<void> {
    const ends = await this.ends();
    await this.#until(() => this.#parts.every(({ next }, at) => next >= (ends[at] ?? 0)));
  }

  /** By partition, offsets of the records that are taken next. */
  get read(): readonly number[] {
    return this.#parts.map(({ next }) => next);
  }

  /** By partition, the position of a watermark behind all that is in the log now: no event has it. */
  async toMarks(): Promise<readonly number[]> {
    const ends = await this.ends();
    const isBehind = ({ mark }: PartitionTail, at: number) =>
      mark !== null && mark.offset >= (ends[at] ?? 0);
    await this.#until(() => this.#parts.every(isBehind));
    return this.#parts.map(({ mark }) => mark?.position ?? -1);
  }

  async ends(): Promise<readonly number[]> {
    const admin = await this.#log.admin();
    try {
      const { eventsTopic, partitions } = this.#settings;
      const found = await admin.partitionCount(eventsTopic);
      if (found === partitions) return await admin.endOffsets(eventsTopic);
      throw new TurnstreamError(
        found === undefined ? 'LOG' : 'PARTITION_COUNT',
        found === undefined
          ? `topic ${eventsTopic} does not exist yet; \`turnstream connect\` creates it`
          : `topic ${eventsTopic} has ${found} partitions, ${partitions} are configured: configure the number that the topic has`,
      );
    } finally {
      await admin.close();
    }
  }

  #take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const taking = this.#gate.then(async () => {
      await this.#decoder.load(records.map(({ value }) => value));
      for (const record of records) this.#takeRecord(partition, record);
      this.#wake();
    });
    this.#taking = Promise.all([this.#taking, taking]).then(() => undefined);
    this.#taking.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#wake();
    });
    return taking;
  }

  #takeRecord(partition: number, { offset, value }: LogRecord): void {
    const part = this.#parts[partition];
    if (part === undefined || offset < part.next) return;
    part.next = offset + 1;
    const entry = value === null ? null : this.#decode(value);
    // The first occurrence counts (DESIGN 3.2).
    if (entry === null || entry.position <= part.position) return;
    part.position = entry.position;
    if (entry.kind === 'watermark') {
      part.mark = { offset, position: entry.position };
      this.#passes(part, offset, entry);
    } else if (entry.kind === 'event') {
      this.#takeEvent(part, partition, entry);
    }
  }

  /** Workers set aside what does not decode, and write nothing for it. */
  #decode(value: Buffer) {
    try {
      return this.#decoder.decode(value);
    } catch {
      return null;
    }
  }

  #passes(
    part: PartitionTail,
    offset: number,
    { lsn, position }: { readonly lsn: Lsn; readonly position: number },
  ): void {
    if (this.#view === null || lsn < this.#view.lsn) return;
    part.watermark ??= { offset, position };
  }

  #takeEvent(part: PartitionTail, partition: number, event: ConversationEvent): void {
    const { lsn, transactionId } = event;
    const isTold = lsn !== null && transactionId !== null;
    if (!isTold && part.watermark === null) this.#clean = false;
    const isSeen = isTold && this.#view?.sees(transactionId) === true;
    if (!isSeen) part.unseen ??= event.position;
    for (const target of this.#targets) {
      if (!isSeen) this.#since.get(target)?.add(event, partition);
      if (part.watermark === null) this.#before.get(target)?.add(event, partition);
    }
  }

  #until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => (this.#failure === null ? resolve() : reject(this.#failure.error));
      if (isDone() || this.#failure !== null) return settle();
      this.#waiters.push({ isDone, resolve: settle });
    });
  }

  #wake(): void {
    const ready = this.#waiters.filter(({ isDone }) => this.#failure !== null || isDone());
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const { resolve } of ready) resolve();
  }
}
