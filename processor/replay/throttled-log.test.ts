import { expect, test } from 'vitest';
import { turn, VirtualClock } from '../../test/worker/virtual-clock.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { throttledLog } from './throttled-log.ts';

const records = 500;

async function read(recordsPerSecondMax: number) {
  const clock = new VirtualClock(0);
  const log = new MemoryLog({ batchRecordsMax: 120 });
  const admin = await log.admin();
  await admin.ensureTopics([{ topic: 't', partitions: 2, replicationFactor: 1, config: {} }]);
  const producer = await log.producer();
  await producer.append(
    Array.from({ length: records }, (_, at) => {
      return { topic: 't', partition: at % 2, key: null, value: Buffer.from(String(at)) };
    }),
  );
  const consumer = await throttledLog(log, { recordsPerSecondMax, clock }).consumer('g', 't');
  const taken: { readonly atMs: number; readonly offset: number; readonly partition: number }[] =
    [];
  const running = consumer.run({
    assigned: async () => new Map(),
    revoked: () => undefined,
    batch: async (_epoch, partition, fetched) => {
      const atMs = clock.nowMs();
      for (const { offset } of fetched.records) taken.push({ atMs, offset, partition });
    },
  });
  return { clock, consumer, running, taken };
}

test('no more records than that pass in any second, over all partitions, and all of them pass', async () => {
  const rate = 100;
  const { clock, consumer, running, taken } = await read(rate);
  while (taken.length < records) {
    await turn();
    clock.jump();
  }
  for (const { atMs } of taken) {
    const inSecond = taken.filter((each) => each.atMs >= atMs && each.atMs < atMs + 1000).length;
    // A part that passes at the second's edge is whole.
    expect(inSecond).toBeLessThanOrEqual(rate * 1.2);
  }
  const seconds = (taken.at(-1)?.atMs ?? 0) / 1000;
  expect(seconds).toBeGreaterThan(records / rate - 0.5);
  expect(seconds).toBeLessThan(records / rate + 0.5);
  for (const partition of [0, 1]) {
    const offsets = taken.filter((each) => each.partition === partition).map((each) => each.offset);
    expect(offsets).toEqual(Array.from({ length: records / 2 }, (_, at) => at));
  }
  await consumer.stop();
  await running;
});

test('who stops while records are held back is not handed them any more', async () => {
  const { clock, consumer, running, taken } = await read(10);
  await turn();
  clock.jump();
  await turn();
  await consumer.stop();
  await running;
  const before = taken.length;
  expect(before).toBeLessThan(records);
  while (clock.jump()) await turn();
  expect(taken).toHaveLength(before);
});
