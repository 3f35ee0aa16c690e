/**
 * What the tests of the log's contract stand on: a fresh topic of two partitions and a fresh group for
 * each test, a producer, and members that write down all that they are told.
 */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import type {
  FetchedBatch,
  Log,
  LogAdmin,
  LogConsumer,
  LogProducer,
  LogRecord,
  NewRecord,
  OffsetCommit,
} from './log.ts';

export type LogHarness = {
  readonly open: () => Promise<Log>;
  readonly close: () => Promise<void>;
  /** A topic or group name that nobody used before. */
  readonly unique: (prefix: string) => string;
  /** Longer than a session lasts without a heartbeat; 0 where there are none. */
  readonly beyondSessionMs: number;
  /** Logs for two members of one group, of whom the latter takes over while the former has not noticed. */
  readonly contested: () => Promise<Contested>;
  /** A log whose consumers can fall silent: they fetch no more, and nobody tells them. */
  readonly silenceable: () => Promise<Silenceable>;
};

export type Silenceable = {
  readonly log: Log;
  readonly silence: (consumer: LogConsumer) => void;
};

export type Contested = {
  /** Its members hear late, by some seconds, that their partitions went to another. */
  readonly former: Log;
  /** Its members do not let the group wait for one that is late. */
  readonly latter: Log;
  /** Makes the broker give up on a member of the former, where the latter's joining is not enough. */
  readonly expire: (consumer: LogConsumer) => void;
};

export type Member = {
  readonly consumer: LogConsumer;
  readonly epochs: { epoch: number; partitions: ReadonlyMap<number, OffsetCommit | null> }[];
  readonly revoked: number[];
  readonly batches: { epoch: number; partition: number; batch: FetchedBatch }[];
  /** Epochs of which a batch came after their end. */
  readonly stale: number[];
  readonly running: Promise<void>;
  /** What `batch` waits for. */
  gate: Promise<void>;
  records(partition: number): LogRecord[];
  partitions(): number[];
  epoch(): number;
};

type MemberOptions = {
  readonly starts?: ReadonlyMap<number, number>;
  readonly log?: Log;
  readonly onAssigned?: (epoch: number) => Promise<void>;
  readonly onRevoked?: (epoch: number) => void;
  readonly onBatch?: () => void;
};

export const waiting = { timeout: 20_000, interval: 5 };
export const bytesOf = (text: string): Buffer => Buffer.from(text);

export const values = (records: readonly LogRecord[]): (string | undefined)[] =>
  records.map(({ value }) => value?.toString());

export class Bench {
  readonly harness: LogHarness;
  readonly log: Log;
  readonly topic: string;
  readonly group: string;
  readonly producer: LogProducer;
  private readonly closers: (() => Promise<void>)[] = [];

  private constructor(harness: LogHarness, log: Log, producer: LogProducer) {
    this.harness = harness;
    this.log = log;
    this.producer = producer;
    this.topic = harness.unique('contract');
    this.group = harness.unique('group');
    this.closing(() => producer.close());
  }

  static async open(makeHarness: () => Promise<LogHarness>): Promise<Bench> {
    const harness = await makeHarness();
    const log = await harness.open();
    const bench = new Bench(harness, log, await log.producer());
    const admin = await bench.admin();
    const config = { 'max.message.bytes': String(17 * 1024 * 1024) };
    await admin.ensureTopics([{ topic: bench.topic, partitions: 2, replicationFactor: 1, config }]);
    return bench;
  }

  /** Called at the end of the test, the last first. */
  closing(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.closers.reverse()) await close();
    await this.harness.close();
  }

  async admin(): Promise<LogAdmin> {
    const admin = await this.log.admin();
    this.closing(() => admin.close());
    return admin;
  }

  record(partition: number, value: string, more: Partial<NewRecord> = {}): NewRecord {
    return { topic: this.topic, partition, key: null, value: bytesOf(value), ...more };
  }

  /** A consumer that runs already. */
  async member(options: MemberOptions = {}): Promise<Member> {
    const consumer = await (options.log ?? this.log).consumer(this.group, this.topic);
    this.closing(() => consumer.stop());
    const epochs: Member['epochs'] = [];
    const revoked: number[] = [];
    const batches: Member['batches'] = [];
    const stale: number[] = [];
    const self: Member = {
      consumer,
      epochs,
      revoked,
      batches,
      stale,
      gate: Promise.resolve(),
      running: consumer.run({
        assigned: async (epoch, partitions) => {
          epochs.push({ epoch, partitions });
          await options.onAssigned?.(epoch);
          return options.starts ?? new Map();
        },
        revoked: (epoch) => {
          revoked.push(epoch);
          options.onRevoked?.(epoch);
        },
        batch: async (epoch, partition, batch) => {
          batches.push({ epoch, partition, batch });
          if (revoked.includes(epoch)) stale.push(epoch);
          options.onBatch?.();
          await self.gate;
        },
      }),
      records: (partition) =>
        batches.filter((one) => one.partition === partition).flatMap(({ batch }) => batch.records),
      partitions: () => [...(epochs.at(-1)?.partitions.keys() ?? [])].sort(),
      epoch: () => epochs.at(-1)?.epoch ?? Number.NaN,
    };
    // A test that expects a failure awaits `running` itself.
    self.running.catch(() => undefined);
    return self;
  }

  /** Waits until the members own both partitions between them, each in its newest epoch. */
  async settled(...members: Member[]): Promise<void> {
    await vi.waitFor(() => {
      expect(members.flatMap((one) => one.partitions()).sort()).toEqual([0, 1]);
      for (const one of members) expect(one.revoked).not.toContain(one.epoch());
    }, waiting);
  }
}

/** A bench of its own for each test of this `describe`; answers the present one. */
export function useBench(makeHarness: () => Promise<LogHarness>): () => Bench {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.open(makeHarness);
  });
  afterEach(() => bench.close());
  return () => bench;
}
