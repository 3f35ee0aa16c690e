/**
 * Consumer groups of the log in memory. A group is its members, a generation that rises with every
 * joining and leaving, and the committed offsets. Every rebalance is eager: all epochs end before
 * a new one begins, and a commit of any other generation is refused, which is the fence of log.ts.
 */
import { TurnstreamError } from '../error.ts';
import { stalledError } from './fetch-watch.ts';
import type { CommitOutcome, ConsumerHandlers, LogConsumer, OffsetCommit } from './log.ts';
import { offsetOutsideError } from './log-errors.ts';
import type { MemoryLog } from './memory-log.ts';

export class MemoryGroup {
  readonly name: string;
  generation = 0;
  private members: readonly MemoryConsumer[] = [];
  private readonly offsets = new Map<string, OffsetCommit>();
  private readonly log: MemoryLog;

  constructor(log: MemoryLog, name: string) {
    this.log = log;
    this.name = name;
  }

  committed(topic: string, partition: number): OffsetCommit | null {
    return this.offsets.get(`${topic}/${partition}`) ?? null;
  }

  commit(topic: string, partition: number, commit: OffsetCommit): void {
    this.offsets.set(`${topic}/${partition}`, commit);
  }

  has(member: MemoryConsumer): boolean {
    return this.members.includes(member);
  }

  join(member: MemoryConsumer): void {
    this.members = [...this.members, member];
    this.rebalance();
  }

  leave(member: MemoryConsumer): void {
    if (!this.has(member)) return;
    this.members = this.members.filter((other) => other !== member);
    this.rebalance();
  }

  private rebalance(): void {
    this.generation += 1;
    for (const member of this.members) member.endEpoch();
    for (const member of this.members) {
      const peers = this.members.filter(({ topic }) => topic === member.topic);
      const place = peers.indexOf(member);
      const partitions = this.log
        .partitions(member.topic)
        .map((_, partition) => partition)
        .filter((partition) => partition % peers.length === place);
      member.beginEpoch(this.generation, partitions);
    }
  }
}

type Run = {
  readonly handlers: ConsumerHandlers;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

export class MemoryConsumer implements LogConsumer {
  readonly topic: string;
  private readonly log: MemoryLog;
  private readonly group: MemoryGroup;
  private running: Run | null = null;
  private stopped = false;
  private epoch: number | null = null;
  /** Of the group, when the epoch began. */
  private generation = 0;
  private epochs = 0;
  private owned: readonly number[] = [];
  private silent = false;

  constructor(log: MemoryLog, group: MemoryGroup, topic: string) {
    this.log = log;
    this.group = group;
    this.topic = topic;
  }

  async run(handlers: ConsumerHandlers): Promise<void> {
    if (this.running !== null) throw new TurnstreamError('LOG', 'the consumer runs already');
    if (this.stopped) return;
    this.log.partitions(this.topic);
    await new Promise<void>((resolve, reject) => {
      this.running = { handlers, resolve, reject };
      this.group.join(this);
    });
  }

  async commit(epoch: number, offsets: ReadonlyMap<number, OffsetCommit>): Promise<CommitOutcome> {
    if (epoch !== this.epoch) return 'fenced';
    if (!this.group.has(this) || this.generation !== this.group.generation) {
      queueMicrotask(() => this.notice());
      return 'fenced';
    }
    for (const [partition, commit] of offsets) this.group.commit(this.topic, partition, commit);
    return 'committed';
  }

  restart(): void {
    if (this.epoch === null || this.stopped) return;
    this.endEpoch();
    this.beginEpoch(this.generation, this.owned);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.leave();
    this.running?.resolve();
  }

  expire(): void {
    this.group.leave(this);
  }

  /** It fetches no more; the first record that it should have fetched is noticed. */
  silence(): void {
    this.silent = true;
  }

  notice(): void {
    if (this.stopped || this.running === null || this.group.has(this)) return;
    this.endEpoch();
    this.group.join(this);
  }

  beginEpoch(generation: number, partitions: readonly number[]): void {
    this.epochs = Math.max(this.epochs + 1, generation);
    const epoch = this.epochs;
    this.epoch = epoch;
    this.generation = generation;
    this.owned = partitions;
    this.read(epoch, partitions).catch((error: unknown) => this.fail(error));
  }

  endEpoch(): void {
    if (this.epoch === null) return;
    const epoch = this.epoch;
    this.epoch = null;
    for (const partition of this.log.partitions(this.topic)) partition.wake();
    this.running?.handlers.revoked(epoch);
  }

  private leave(): void {
    this.endEpoch();
    this.group.leave(this);
  }

  private fail(error: unknown): void {
    this.stopped = true;
    this.leave();
    this.running?.reject(error);
  }

  private async read(epoch: number, partitions: readonly number[]): Promise<void> {
    // As in the real form, the caller's `run` has returned before the first call-back.
    await Promise.resolve();
    if (this.epoch !== epoch || this.running === null) return;
    const { handlers } = this.running;
    const owned = new Map(
      partitions.map((partition) => [partition, this.group.committed(this.topic, partition)]),
    );
    const starts = await handlers.assigned(epoch, owned);
    await Promise.all(
      partitions.map((partition) => {
        const start = starts.get(partition) ?? owned.get(partition)?.offset ?? 0;
        return this.readPartition(epoch, partition, start, handlers);
      }),
    );
  }

  private async readPartition(
    epoch: number,
    partition: number,
    start: number,
    handlers: ConsumerHandlers,
  ): Promise<void> {
    const source = this.log.partitions(this.topic)[partition];
    if (source === undefined) return;
    if (this.epoch === epoch && start > source.records.length) {
      throw offsetOutsideError(this.topic, partition, start, 0, source.records.length);
    }
    let next = start;
    while (this.epoch === epoch) {
      const records = source.records.slice(next, next + this.log.options.batchRecordsMax);
      if (records.length === 0) {
        await source.changed();
        continue;
      }
      const end = source.records.length;
      if (this.silent) {
        throw stalledError(this.topic, this.group.name, { partition, next, end, ms: 0 });
      }
      next += records.length;
      await handlers.batch(epoch, partition, { records, endOffset: end });
    }
  }
}
