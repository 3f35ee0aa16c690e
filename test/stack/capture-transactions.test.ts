/**
 * What the exactly-once mode of Connect writes, read through the product's log: records of Kafka
 * transactions, some of them given up, with offsets that nobody ever sees in between.
 */
import { randomBytes } from 'node:crypto';
import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { createKafkaLog } from '../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../processor/kafka/kafkajs-options.ts';
import type { LogRecord } from '../../processor/kafka/log.ts';

const topic = `transactions_${randomBytes(4).toString('hex')}`;
const brokers = [...stackAddresses().kafka.brokers];
const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
const log = createKafkaLog({ ...kafkaDefaults, brokers, clientId: topic, logger: () => undefined });
const producers: Producer[] = [];
const patience = { timeout: 30_000, interval: 20 };

beforeAll(async () => {
  const admin = await log.admin();
  await admin.ensureTopics([{ topic, partitions: 1, replicationFactor: 1, config: {} }]);
  await admin.close();
});

afterAll(async () => {
  await Promise.all(producers.map((producer) => producer.disconnect()));
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
});

async function transactional(transactionalId: string): Promise<Producer> {
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  producers.push(producer);
  await producer.connect();
  return producer;
}

async function transact(producer: Producer, values: readonly string[], end: 'commit' | 'abort') {
  const transaction = await producer.transaction();
  const compression = CompressionTypes.GZIP;
  const messages = values.map((value) => ({ value }));
  await transaction.send({ topic, compression, acks: -1, messages });
  await transaction[end]();
}

async function read(group: string, from: number | null) {
  const records: LogRecord[] = [];
  const consumer = await log.consumer(`${topic}.${group}`, topic);
  const running = consumer.run({
    assigned: async () => new Map(from === null ? [] : [[0, from]]),
    revoked: () => undefined,
    batch: async (_epoch, _partition, batch) => {
      records.push(...batch.records);
    },
  });
  return { records, consumer, running };
}

const values = (records: readonly LogRecord[]) => records.map(({ value }) => String(value));

test('what was given up is not read, whatever offsets lie in between, and reading begins at any of them', async () => {
  const one = await transactional(`${topic}-1`);
  const two = await transactional(`${topic}-2`);
  const reader = await read('live', null);
  await transact(one, ['a', 'b'], 'commit');
  await transact(two, ['never 1', 'never 2', 'never 3'], 'abort');
  await transact(one, ['never 4'], 'abort');
  await transact(one, ['c'], 'commit');
  // A transaction under way holds back what comes after it, until it is known what becomes of it.
  const open = await two.transaction();
  await open.send({ topic, acks: -1, messages: [{ value: 'never 5' }] });
  await transact(one, ['d'], 'commit');
  await vi.waitFor(() => expect(values(reader.records)).toEqual(['a', 'b', 'c']), patience);
  await open.abort();
  await vi.waitFor(() => expect(values(reader.records)).toEqual(['a', 'b', 'c', 'd']), patience);
  const offsets = reader.records.map(({ offset }) => offset);
  // Two records, their mark; three given up, their mark; one given up, its mark; one, its mark; …
  expect(offsets).toEqual([0, 1, 9, 12]);
  await reader.consumer.stop();
  await reader.running;

  for (let from = 0; from <= 13; from += 1) {
    const again = await read(`from-${from}`, from);
    const expected = ['a', 'b', 'c', 'd'].filter((_, at) => (offsets[at] ?? 0) >= from);
    await transact(one, [`after ${from}`], 'commit');
    await vi.waitFor(() => expect(values(again.records)).toContain(`after ${from}`), patience);
    const found = values(again.records).filter((value) => !value.startsWith('after'));
    expect(found, `from offset ${from}`).toEqual(expected);
    await again.consumer.stop();
    await again.running;
  }
}, 120_000);
