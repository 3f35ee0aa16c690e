/**
 * The port to the log. Kafka implements it (kafkajs-log.ts), a memory form (memory-log.ts) runs the
 * same contract suite. It is small on purpose: kafkajs is no longer maintained and must stay
 * replaceable.
 *
 * An *epoch* is one assignment of partitions to a consumer. Whatever was read in an epoch may be
 * committed in that epoch only: `commit` answers 'fenced' when the epoch is over or the broker
 * refuses the member. That refusal is the fence of DESIGN 3.2.
 */

export type LogHeaders = Readonly<Record<string, string>>;

export type LogRecord = {
  readonly offset: number;
  /** When the producer wrote it, milliseconds. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: LogHeaders;
};

export type NewRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: LogHeaders;
};

export interface LogProducer {
  /**
   * Appends the records; resolves when all are acknowledged by all in-sync replicas. Records of one
   * partition are appended in the order given, also over several calls made one after the other
   * (calls must not overlap for one partition). Rejects with a retriable LOG error when not all
   * were acknowledged: some of them may be there.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  close(): Promise<void>;
}

export type CommitOutcome = 'committed' | 'fenced';

export type OffsetCommit = { readonly offset: number; readonly metadata?: string };

export type ConsumerHandlers = {
  /**
   * A new epoch: the partitions that this consumer now owns. Answers where to start each
   * (absent: the group's committed offset, else the beginning). Called before any batch of the epoch.
   */
  assigned(
    epoch: number,
    partitions: ReadonlyMap<number, OffsetCommit | null>,
  ): Promise<ReadonlyMap<number, number>>;
  /** The epoch is over: nothing read in it can be committed any more. */
  revoked(epoch: number): void;
  /**
   * Records of one partition in offset order. Resolving it lets the next fetch go on (it does not
   * commit): hold it back for back-pressure. Heartbeats go on meanwhile.
   */
  batch(epoch: number, partition: number, batch: FetchedBatch): Promise<void>;
};

export type FetchedBatch = {
  readonly records: readonly LogRecord[];
  /** The offset that the next record appended to the partition will have. */
  readonly endOffset: number;
};

export interface LogConsumer {
  /**
   * Joins the group and reads until `stop`. Rejects when the consumer failed: retriable, when another
   * consumer may do better, and STALLED, when it fetched nothing for too long though there was something.
   */
  run(handlers: ConsumerHandlers): Promise<void>;
  /** Commits next-to-read offsets for partitions of the epoch. */
  commit(epoch: number, offsets: ReadonlyMap<number, OffsetCommit>): Promise<CommitOutcome>;
  /**
   * Ends the present epoch and begins another one with the same partitions, which asks `assigned` anew
   * where to start them, forwards or backwards. The group is not told: nobody else's epoch ends. Between
   * two epochs it does nothing, since the next one begins in any case.
   */
  restart(): void;
  /** Leaves the group. Idempotent. */
  stop(): Promise<void>;
}

export type TopicSpec = {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
};

export interface LogAdmin {
  /** Creates what is missing; a topic that exists with another number of partitions is a PARTITION_COUNT error. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  partitionCount(topic: string): Promise<number | undefined>;
  /** Next offset of each partition, by partition number. */
  endOffsets(topic: string): Promise<readonly number[]>;
  /** The group's committed offset of each partition, null where there is none. */
  committedOffsets(group: string, topic: string): Promise<readonly (number | null)[]>;
  close(): Promise<void>;
}

export interface Log {
  producer(): Promise<LogProducer>;
  consumer(group: string, topic: string): Promise<LogConsumer>;
  admin(): Promise<LogAdmin>;
}
