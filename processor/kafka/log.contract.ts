/**
 * What every form of the log keeps (log.ts), as tests: the memory form runs them in
 * memory-log.test.ts, Kafka's in test/stack/. A harness says how to open a log and how long its
 * sessions last.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type {
  FetchedBatch,
  Log,
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
};

const waiting = { timeout: 20_000, interval: 5 };
const bytesOf = (text: string): Buffer => Buffer.from(text);

type Member = {
  readonly consumer: LogConsumer;
  readonly epochs: { epoch: number; partitions: ReadonlyMap<number, OffsetCommit | null> }[];
  readonly revoked: number[];
  readonly batches: { epoch: number; partition: number; batch: FetchedBatch }[];
  readonly running: Promise<void>;
  /** What `batch` waits for. */
  gate: Promise<void>;
  records(partition: number): LogRecord[];
  partitions(): number[];
  epoch(): number;
};

export function describeLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`the log's contract: ${name}`, () => {
    let harness: LogHarness;
    let log: Log;
    let topic: string;
    let group: string;
    let producer: LogProducer;
    let closers: (() => Promise<void>)[];

    beforeEach(async () => {
      harness = await makeHarness();
      log = await harness.open();
      topic = harness.unique('contract');
      group = harness.unique('group');
      closers = [];
      const admin = await log.admin();
      closers.push(() => admin.close());
      await admin.ensureTopics([
        {
          topic,
          partitions: 2,
          replicationFactor: 1,
          config: { 'max.message.bytes': String(17 * 1024 * 1024) },
        },
      ]);
      producer = await log.producer();
      closers.push(() => producer.close());
    });

    afterEach(async () => {
      for (const close of closers.reverse()) await close();
      await harness.close();
    });

    const record = (partition: number, value: string, more: Partial<NewRecord> = {}): NewRecord => {
      return { topic, partition, key: null, value: bytesOf(value), ...more };
    };
    const values = (records: readonly LogRecord[]): (string | undefined)[] =>
      records.map(({ value }) => value?.toString());

    async function member(
      starts: ReadonlyMap<number, number> = new Map(),
      onBatch?: () => void,
    ): Promise<Member> {
      const consumer = await log.consumer(group, topic);
      closers.push(() => consumer.stop());
      const epochs: Member['epochs'] = [];
      const revoked: number[] = [];
      const batches: Member['batches'] = [];
      const self: Member = {
        consumer,
        epochs,
        revoked,
        batches,
        gate: Promise.resolve(),
        running: consumer.run({
          assigned: async (epoch, partitions) => {
            epochs.push({ epoch, partitions });
            return starts;
          },
          revoked: (epoch) => {
            revoked.push(epoch);
          },
          batch: async (epoch, partition, batch) => {
            batches.push({ epoch, partition, batch });
            onBatch?.();
            await self.gate;
          },
        }),
        records: (partition) =>
          batches
            .filter((one) => one.partition === partition)
            .flatMap(({ batch }) => batch.records),
        partitions: () => [...(epochs.at(-1)?.partitions.keys() ?? [])].sort(),
        epoch: () => epochs.at(-1)?.epoch ?? Number.NaN,
      };
      // A test that expects a failure awaits `running` itself.
      self.running.catch(() => undefined);
      return self;
    }

    /** Waits until the members own both partitions between them, each in its newest epoch. */
    async function settled(...members: Member[]): Promise<void> {
      await vi.waitFor(() => {
        expect(members.flatMap((one) => one.partitions()).sort()).toEqual([0, 1]);
        for (const one of members) expect(one.revoked).not.toContain(one.epoch());
      }, waiting);
    }

    test('records of a partition arrive in the order of the appends, with offsets from 0', async () => {
      await producer.append([record(0, 'a'), record(1, 'x'), record(0, 'b')]);
      await producer.append([record(0, 'c')]);
      const one = await member();
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['a', 'b', 'c']), waiting);
      await producer.append([record(0, 'd'), record(1, 'y')]);
      await vi.waitFor(() => {
        expect(values(one.records(0))).toEqual(['a', 'b', 'c', 'd']);
        expect(values(one.records(1))).toEqual(['x', 'y']);
      }, waiting);
      expect(one.records(0).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
      expect(one.batches.at(-1)?.batch.endOffset).toBeGreaterThan(1);
    });

    test('keys, headers and null values come back as they were', async () => {
      await producer.append([
        record(0, 'v', { key: bytesOf('k'), headers: { origin: 'here', über: 'ünï' } }),
        { topic, partition: 0, key: bytesOf('gone'), value: null },
        record(0, ''),
      ]);
      const one = await member();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(3), waiting);
      const [first, second, third] = one.records(0);
      expect(first?.key?.toString()).toBe('k');
      expect(first?.headers).toEqual({ origin: 'here', über: 'ünï' });
      expect(second?.value).toBeNull();
      expect(second?.headers).toEqual({});
      expect(third?.key).toBeNull();
      expect(third?.value?.length).toBe(0);
    });

    test('end offsets count what was appended', async () => {
      const admin = await log.admin();
      closers.push(() => admin.close());
      expect(await admin.endOffsets(topic)).toEqual([0, 0]);
      await producer.append([record(1, 'a'), record(1, 'b')]);
      expect(await admin.endOffsets(topic)).toEqual([0, 2]);
    });

    test('an append of nothing is acknowledged', async () => {
      await expect(producer.append([])).resolves.toBeUndefined();
    });

    test('many records in one append stay in order', async () => {
      const count = 20_000;
      const filler = 'f'.repeat(100);
      await producer.append(
        Array.from({ length: count }, (_, n) => record(n % 2, `${n} ${filler}`)),
      );
      const one = await member();
      await vi.waitFor(() => {
        expect(one.records(0).length + one.records(1).length).toBe(count);
      }, waiting);
      const numbers = one.records(1).map(({ value }) => Number.parseInt(String(value), 10));
      expect(numbers).toEqual(Array.from({ length: count / 2 }, (_, n) => 2 * n + 1));
    });

    test('records of 1 MB and 15 MB pass, among small ones', async () => {
      const large = Buffer.alloc(1_000_000, 'm');
      const huge = Buffer.alloc(15_000_000, 'h');
      await producer.append([
        record(0, 'a'),
        record(0, '', { value: large }),
        record(0, '', { value: huge }),
        record(0, 'z'),
      ]);
      const one = await member();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(4), waiting);
      const [a, m, h, z] = one.records(0);
      expect([a?.value?.toString(), z?.value?.toString()]).toEqual(['a', 'z']);
      expect(m?.value?.equals(large)).toBe(true);
      expect(h?.value?.equals(huge)).toBe(true);
    });

    test('a committed offset comes back with its metadata, and reading goes on there', async () => {
      await producer.append([record(0, 'a'), record(0, 'b'), record(0, 'c'), record(1, 'x')]);
      const one = await member();
      await settled(one);
      expect(one.epochs.at(-1)?.partitions).toEqual(
        new Map([
          [0, null],
          [1, null],
        ]),
      );
      const commits = new Map([[0, { offset: 2, metadata: 'position 7' }]]);
      expect(await one.consumer.commit(one.epoch(), commits)).toBe('committed');
      await one.consumer.stop();
      await expect(one.running).resolves.toBeUndefined();
      const admin = await log.admin();
      closers.push(() => admin.close());
      expect(await admin.committedOffsets(group, topic)).toEqual([2, null]);

      const two = await member();
      await settled(two);
      expect(two.epochs.at(-1)?.partitions.get(0)).toEqual({ offset: 2, metadata: 'position 7' });
      expect(two.epochs.at(-1)?.partitions.get(1)).toBeNull();
      await vi.waitFor(() => {
        expect(values(two.records(0))).toEqual(['c']);
        expect(values(two.records(1))).toEqual(['x']);
      }, waiting);
    });

    test('the start that `assigned` answers wins over the committed offset', async () => {
      await producer.append([record(0, 'a'), record(0, 'b'), record(0, 'c'), record(1, 'x')]);
      const one = await member();
      await settled(one);
      await one.consumer.commit(one.epoch(), new Map([[0, { offset: 3 }]]));
      await one.consumer.stop();
      const two = await member(new Map([[0, 1]]));
      await vi.waitFor(() => {
        expect(values(two.records(0))).toEqual(['b', 'c']);
        expect(values(two.records(1))).toEqual(['x']);
      }, waiting);
    });

    test('a start beyond the end of the log ends the run with an error', async () => {
      await producer.append([record(0, 'a')]);
      const one = await member(new Map([[0, 99]]));
      await expect(one.running).rejects.toMatchObject({ code: 'LOG', retriable: false });
    });

    test('two members divide the partitions, and a commit of the former epoch is fenced', async () => {
      await producer.append([record(0, 'a'), record(1, 'x')]);
      const one = await member();
      await settled(one);
      const former = one.epoch();
      expect(await one.consumer.commit(former, new Map([[0, { offset: 1 }]]))).toBe('committed');
      const two = await member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await settled(one, two);
      expect(one.revoked).toContain(former);
      expect(one.epoch()).toBeGreaterThan(former);
      expect(await one.consumer.commit(former, new Map([[0, { offset: 0 }]]))).toBe('fenced');
      const own = new Map(one.partitions().map((partition) => [partition, { offset: 1 }]));
      expect(await one.consumer.commit(one.epoch(), own)).toBe('committed');
      const admin = await log.admin();
      closers.push(() => admin.close());
      expect((await admin.committedOffsets(group, topic))[0]).toBe(1);
    });

    test('stop leaves the group at once: another member takes over, no record is lost', async () => {
      const one = await member();
      const two = await member();
      await vi.waitFor(() => expect(two.partitions()).toHaveLength(1), waiting);
      await settled(one, two);
      const epoch = one.epoch();
      const started = performance.now();
      await one.consumer.stop();
      await vi.waitFor(() => expect(two.partitions()).toEqual([0, 1]), waiting);
      if (harness.beyondSessionMs > 0) {
        expect(performance.now() - started).toBeLessThan(harness.beyondSessionMs / 2);
      }
      expect(one.revoked).toContain(epoch);
      expect(await one.consumer.commit(epoch, new Map([[0, { offset: 0 }]]))).toBe('fenced');
      await producer.append([record(0, 'a'), record(1, 'x')]);
      await vi.waitFor(() => {
        expect(values([...two.records(0), ...two.records(1)]).sort()).toEqual(['a', 'x']);
      }, waiting);
      await one.consumer.stop();
    });

    test('a held batch holds its partition back, no other one, and keeps its member', async () => {
      const one = await member();
      await settled(one);
      const epoch = one.epoch();
      let release: () => void = () => undefined;
      one.gate = new Promise((resolve) => {
        release = resolve;
      });
      await producer.append([record(0, 'held')]);
      await vi.waitFor(() => expect(values(one.records(0))).toEqual(['held']), waiting);
      one.gate = Promise.resolve();
      const more = Array.from({ length: 300 }, (_, n) => record(0, `later ${n}`));
      for (let at = 0; at < more.length; at += 100) {
        await producer.append([...more.slice(at, at + 100), record(1, `${at}`)]);
      }
      await vi.waitFor(() => expect(values(one.records(1))).toEqual(['0', '100', '200']), waiting);
      await pause(harness.beyondSessionMs);
      expect(values(one.records(0))).toEqual(['held']);
      expect(one.revoked).toEqual([]);
      release();
      await vi.waitFor(() => expect(one.records(0)).toHaveLength(301), waiting);
      expect(one.records(0).map(({ offset }) => offset)).toEqual([...Array(301).keys()]);
      expect(await one.consumer.commit(epoch, new Map([[0, { offset: 301 }]]))).toBe('committed');
    });

    test('a handler that throws ends the run with its error, and another member takes over', async () => {
      const failing = await member(new Map(), () => {
        throw new Error('cannot fold');
      });
      await settled(failing);
      await producer.append([record(0, 'a')]);
      await expect(failing.running).rejects.toThrow('cannot fold');
      const two = await member();
      await vi.waitFor(() => expect(values(two.records(0))).toEqual(['a']), waiting);
    });

    test('a consumer that was stopped before it ran does not run', async () => {
      const consumer = await log.consumer(group, topic);
      await consumer.stop();
      const assigned = vi.fn(async () => new Map<number, number>());
      await consumer.run({ assigned, revoked: () => undefined, batch: async () => undefined });
      expect(assigned).not.toHaveBeenCalled();
    });

    test('ensureTopics creates once and refuses another number of partitions', async () => {
      const admin = await log.admin();
      closers.push(() => admin.close());
      const spec = { topic, partitions: 2, replicationFactor: 1, config: {} };
      const fresh = { ...spec, topic: harness.unique('fresh'), partitions: 3 };
      expect(await admin.partitionCount(fresh.topic)).toBeUndefined();
      await admin.ensureTopics([spec, fresh]);
      await admin.ensureTopics([spec, fresh]);
      expect(await admin.partitionCount(fresh.topic)).toBe(3);
      await expect(admin.ensureTopics([{ ...spec, partitions: 4 }])).rejects.toMatchObject({
        code: 'PARTITION_COUNT',
      });
      expect(await admin.partitionCount(topic)).toBe(2);
    });
  });
}
