import { expect, test, vi } from 'vitest';
import { describeLogContract } from './log.contract.ts';
import type { ConsumerHandlers } from './log.ts';
import { MemoryLog } from './memory-log.ts';

describeLogContract('in memory', async () => {
  const log = new MemoryLog();
  let names = 0;
  return {
    open: async () => log,
    close: async () => undefined,
    unique: (prefix) => `${prefix}-${names++}`,
    beyondSessionMs: 0,
    contested: async () => ({
      former: log,
      latter: log,
      expire: (consumer) => log.expire(consumer),
    }),
    silenceable: async () => ({ log, silence: (consumer) => log.silence(consumer) }),
  };
});

async function zombie() {
  const log = new MemoryLog({ now: () => 42, batchRecordsMax: 2 });
  const admin = await log.admin();
  await admin.ensureTopics([{ topic: 't', partitions: 1, replicationFactor: 1, config: {} }]);
  const producer = await log.producer();
  const append = (value: string) =>
    producer.append([{ topic: 't', partition: 0, key: null, value: Buffer.from(value) }]);
  const join = async () => {
    const consumer = await log.consumer('g', 't');
    const epochs: number[] = [];
    const ended: number[] = [];
    const values: string[] = [];
    const handlers: ConsumerHandlers = {
      assigned: async (epoch) => {
        epochs.push(epoch);
        return new Map();
      },
      revoked: (epoch) => {
        ended.push(epoch);
      },
      batch: async (_epoch, _partition, { records }) => {
        for (const { value } of records) values.push(String(value));
      },
    };
    void consumer.run(handlers);
    await vi.waitFor(() => expect(epochs).toHaveLength(1));
    return { consumer, epochs, ended, values };
  };
  return { log, append, join };
}

test('an expired member reads on, its commit is refused, and then it joins again', async () => {
  const { log, append, join } = await zombie();
  const one = await join();
  log.expire(one.consumer);
  const two = await join();
  await append('a');
  await vi.waitFor(() => expect([one.values, two.values]).toEqual([['a'], ['a']]));
  expect(one.ended).toEqual([]);
  const epoch = one.epochs[0] ?? 0;
  expect(await one.consumer.commit(epoch, new Map([[0, { offset: 1 }]]))).toBe('fenced');
  await vi.waitFor(() => expect(one.epochs).toHaveLength(2));
  expect(one.ended).toEqual([epoch]);
  expect(two.ended).toHaveLength(1);
});

test('an expired member that a heartbeat tells joins again', async () => {
  const { log, join } = await zombie();
  const one = await join();
  log.expire(one.consumer);
  log.notice(one.consumer);
  await vi.waitFor(() => expect(one.epochs).toHaveLength(2));
});

test('records carry the time that the log was given, in batches of the size it was given', async () => {
  const { log, append } = await zombie();
  for (const value of ['a', 'b', 'c']) await append(value);
  const consumer = await log.consumer('g', 't');
  const sizes: number[] = [];
  const times = new Set<number>();
  void consumer.run({
    assigned: async () => new Map(),
    revoked: () => undefined,
    batch: async (_epoch, _partition, { records }) => {
      sizes.push(records.length);
      for (const { timestampMs } of records) times.add(timestampMs);
    },
  });
  await vi.waitFor(() => expect(sizes).toEqual([2, 1]));
  expect([...times]).toEqual([42]);
});
