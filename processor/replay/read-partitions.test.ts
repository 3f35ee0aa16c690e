import { expect, test } from 'vitest';
import { turn } from '../../test/worker/virtual-clock.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import { partitionsOf, type Reading, readPartitions } from './read-partitions.ts';

const reading: Reading = {
  topic: 't',
  group: 'g',
  partition: null,
  follow: false,
  load: async () => undefined,
};

async function filled() {
  const log = new MemoryLog({ batchRecordsMax: 3 });
  const admin = await log.admin();
  await admin.ensureTopics([{ topic: 't', partitions: 3, replicationFactor: 1, config: {} }]);
  const producer = await log.producer();
  const append = (texts: readonly string[], partition: number) =>
    producer.append(
      texts.map((text) => ({ topic: 't', partition, key: null, value: Buffer.from(text) })),
    );
  await append(['a', 'b', 'c', 'd', 'e'], 0);
  await append(['x', 'y'], 1);
  return { log, append };
}

async function read(log: MemoryLog, more: Partial<Reading>, signal: AbortSignal) {
  const taken: string[] = [];
  const running = readPartitions(
    log,
    { ...reading, ...more },
    (partition, { value }) => taken.push(`${partition}${value}`),
    signal,
  );
  return { taken, running };
}

const patient = new AbortController().signal;

test('every record once and in order, to where the partitions end; an empty one ends at once', async () => {
  const { log } = await filled();
  const { taken, running } = await read(log, {}, patient);
  await running;
  expect(taken.toSorted()).toEqual(['0a', '0b', '0c', '0d', '0e', '1x', '1y']);
  expect(taken.filter((each) => each.startsWith('0'))).toEqual(['0a', '0b', '0c', '0d', '0e']);
  expect(await partitionsOf(log, 't')).toBe(3);
  await expect(partitionsOf(log, 'missing')).rejects.toThrow('no topic missing');
});

test('of one partition nothing else is read, and following goes on with what comes', async () => {
  const { log, append } = await filled();
  const stop = new AbortController();
  const { taken, running } = await read(log, { partition: 1, follow: true }, stop.signal);
  while (taken.length < 2) await turn();
  await append(['f'], 0);
  await append(['z'], 1);
  while (taken.length < 3) await turn();
  stop.abort();
  await running;
  expect(taken).toEqual(['1x', '1y', '1z']);
});
