/**
 * The log in memory: topics, producers and the administration. Deterministic: it has no timer and
 * no clock but the one handed in, everything goes on in promise jobs. memory-group.ts holds the
 * consumer groups. It keeps the contract of log.ts (log.contract.ts), so what is proven with it is
 * proven of Kafka's form as far as that suite goes.
 */
import { TurnstreamError } from '../error.ts';
import type {
  Log,
  LogAdmin,
  LogConsumer,
  LogProducer,
  LogRecord,
  NewRecord,
  TopicSpec,
} from './log.ts';
import { partitionCountError } from './log-errors.ts';
import { MemoryConsumer, MemoryGroup } from './memory-group.ts';

export type MemoryLogOptions = {
  /** The time that records carry. */
  readonly now: () => number;
  /** Most records that one `batch` call hands over. */
  readonly batchRecordsMax: number;
};

const defaultOptions: MemoryLogOptions = { now: () => 0, batchRecordsMax: 500 };

/** One partition: its records, and who waits for the next one. */
export class MemoryPartition {
  readonly records: LogRecord[] = [];
  private waiting: (() => void)[] = [];

  /** Resolves at the next append, or sooner: look again. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}

export class MemoryLog implements Log {
  readonly options: MemoryLogOptions;
  private readonly topics = new Map<string, readonly MemoryPartition[]>();
  private readonly groups = new Map<string, MemoryGroup>();

  constructor(options: Partial<MemoryLogOptions> = {}) {
    this.options = { ...defaultOptions, ...options };
  }

  /** The partitions of a topic; a LOG error when there is none of that name. */
  partitions(topic: string): readonly MemoryPartition[] {
    const partitions = this.topics.get(topic);
    if (partitions !== undefined) return partitions;
    throw new TurnstreamError('LOG', `topic ${topic} does not exist; create it first`);
  }

  async producer(): Promise<LogProducer> {
    let open = true;
    return {
      append: async (records) => {
        if (!open) throw new TurnstreamError('LOG', 'the producer is closed; open another');
        this.append(records);
      },
      close: async () => {
        open = false;
      },
    };
  }

  async consumer(group: string, topic: string): Promise<LogConsumer> {
    return new MemoryConsumer(this, this.group(group), topic);
  }

  async admin(): Promise<LogAdmin> {
    return {
      ensureTopics: async (specs) => {
        for (const spec of specs) this.ensureTopic(spec);
      },
      partitionCount: async (topic) => this.topics.get(topic)?.length,
      endOffsets: async (topic) => this.partitions(topic).map(({ records }) => records.length),
      committedOffsets: async (group, topic) =>
        this.partitions(topic).map(
          (_, partition) => this.group(group).committed(topic, partition)?.offset ?? null,
        ),
      close: async () => undefined,
    };
  }

  /**
   * The broker gives up on a member, as after a session time-out: others take its partitions over
   * while it reads on, a zombie, until a refused commit or `notice` tells it.
   */
  expire(consumer: LogConsumer): void {
    memoryConsumer(consumer).expire();
  }

  /** A member finds out that it was expired, as a heartbeat would tell it, and joins again. */
  notice(consumer: LogConsumer): void {
    memoryConsumer(consumer).notice();
  }

  /** The consumer fetches no more, and ends as stalled once there is something to fetch. */
  silence(consumer: LogConsumer): void {
    memoryConsumer(consumer).silence();
  }

  private group(name: string): MemoryGroup {
    const existing = this.groups.get(name);
    if (existing !== undefined) return existing;
    const group = new MemoryGroup(this, name);
    this.groups.set(name, group);
    return group;
  }

  private ensureTopic(spec: TopicSpec): void {
    const existing = this.topics.get(spec.topic);
    if (existing === undefined) {
      const partitions = Array.from({ length: spec.partitions }, () => new MemoryPartition());
      this.topics.set(spec.topic, partitions);
    } else if (existing.length !== spec.partitions) {
      throw partitionCountError(spec, existing.length);
    }
  }

  private append(records: readonly NewRecord[]): void {
    const targets = records.map(({ topic, partition }) => {
      const target = this.partitions(topic)[partition];
      if (target !== undefined) return target;
      throw new TurnstreamError('LOG', `topic ${topic} has no partition ${partition}`);
    });
    const timestampMs = this.options.now();
    for (const [at, target] of targets.entries()) {
      const record = records[at];
      if (record === undefined) continue;
      const { key, value, headers = {} } = record;
      target.records.push({ offset: target.records.length, timestampMs, key, value, headers });
    }
    for (const target of new Set(targets)) target.wake();
  }
}

function memoryConsumer(consumer: LogConsumer): MemoryConsumer {
  if (consumer instanceof MemoryConsumer) return consumer;
  throw new TurnstreamError('LOG', 'this consumer does not belong to a log in memory');
}
