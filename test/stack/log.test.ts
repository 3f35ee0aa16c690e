/** The log's contract on a real broker, and what only a broker can refuse. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, expect, test } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { createKafkaLog } from '../../processor/kafka/kafkajs-log.ts';
import { type KafkaOptions, kafkaDefaults } from '../../processor/kafka/kafkajs-options.ts';
import { describeLogContract } from '../../processor/kafka/log.contract.ts';
import { KafkaProxy } from './support/kafka-proxy.ts';

const { brokers } = stackAddresses().kafka;
const topics: string[] = [];
const groups: string[] = [];
const proxies: KafkaProxy[] = [];

const options = (more: Partial<KafkaOptions> = {}): KafkaOptions => ({
  ...kafkaDefaults,
  brokers,
  clientId: 'contract',
  logger: () => undefined,
  // The least that a broker allows by default.
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 300,
  rebalanceTimeoutMs: 6_000,
  ...more,
});

const unique = (prefix: string): string => {
  const name = `${prefix}-${randomUUID()}`;
  (prefix === 'group' ? groups : topics).push(name);
  return name;
};

afterAll(async () => {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const existing = new Set(await admin.listTopics());
  await admin.deleteTopics({ topics: topics.filter((topic) => existing.has(topic)) });
  const known = new Set((await admin.listGroups()).groups.map(({ groupId }) => groupId));
  await admin.deleteGroups(groups.filter((group) => known.has(group)));
  await admin.disconnect();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

for (const compression of ['none', 'lz4'] as const) {
  describeLogContract(`Kafka, compression ${compression}`, async () => ({
    open: async () => createKafkaLog(options({ compression })),
    close: async () => undefined,
    unique,
    // Once is enough to see that a held batch keeps its member.
    beyondSessionMs: compression === 'none' ? 7_500 : 0,
    contested: async () => ({
      // It looks for a rebalance every 5.9 s only, and the broker waits 0.5 s for it.
      former: createKafkaLog(options({ heartbeatIntervalMs: 5_900, rebalanceTimeoutMs: 500 })),
      latter: createKafkaLog(options({ rebalanceTimeoutMs: 500 })),
      expire: () => undefined,
    }),
    silenceable: async () => {
      const proxy = new KafkaProxy(Number(brokers[0]?.split(':')[1]));
      proxies.push(proxy);
      const port = await proxy.listen();
      const log = createKafkaLog(
        options({
          compression,
          brokers: [`127.0.0.1:${port}`],
          sessionTimeoutMs: 2_000,
          fetchStalledMsMax: 3_000,
        }),
      );
      return { log, silence: () => expect(proxy.silenceFetches()).toBe(1) };
    },
  }));
}

test('with no broker there, opening says where it looked and what to do', async () => {
  const nowhere = createKafkaLog(
    options({ brokers: ['127.0.0.1:1'], retriesMax: 1, retryDelayMsMin: 1 }),
  );
  const wanted = {
    code: 'CONNECT',
    retriable: true,
    message: expect.stringContaining('127.0.0.1:1'),
  };
  await expect(nowhere.producer()).rejects.toMatchObject(wanted);
  await expect(nowhere.admin()).rejects.toMatchObject(wanted);
  const consumer = await nowhere.consumer('g', 't');
  const handlers = {
    assigned: async () => new Map<number, number>(),
    revoked: () => undefined,
    batch: async () => undefined,
  };
  await expect(consumer.run(handlers)).rejects.toMatchObject(wanted);
});

test('a record above the limit of its topic is refused as a limit, for good', async () => {
  const topic = unique('small');
  const log = createKafkaLog(options());
  const admin = await log.admin();
  await admin.ensureTopics([
    { topic, partitions: 1, replicationFactor: 1, config: { 'max.message.bytes': '10000' } },
  ]);
  const producer = await log.producer();
  const record = { topic, partition: 0, key: null, value: Buffer.alloc(20_000) };
  await expect(producer.append([record])).rejects.toMatchObject({
    code: 'LIMIT',
    retriable: false,
  });
  await producer.close();
  await admin.close();
});

test('a record above what a fetch brings comes of any partition, while another has more all the time', async () => {
  const topic = unique('large');
  // A fetch brings one of the small records.
  const log = createKafkaLog(options({ fetchBytesMax: 4096, partitionFetchBytesMax: 4096 }));
  const admin = await log.admin();
  await admin.ensureTopics([{ topic, partitions: 2, replicationFactor: 1, config: {} }]);
  const producer = await log.producer();
  const small = { topic, partition: 0, key: null, value: Buffer.alloc(3000) };
  const smallOnes = 6000;
  for (let sent = 0; sent < smallOnes; sent += 100) {
    await Promise.all(Array.from({ length: 100 }, () => producer.append([small])));
  }
  await producer.append([{ topic, partition: 1, key: null, value: Buffer.alloc(500_000) }]);
  const consumer = await log.consumer(unique('group'), topic);
  const read = [0, 0];
  await consumer.run({
    assigned: async () => new Map<number, number>(),
    revoked: () => undefined,
    batch: async (_, partition, { records }) => {
      read[partition] = (read[partition] ?? 0) + records.length;
      if (partition === 1) void consumer.stop();
    },
  });
  expect(read[1]).toBe(1);
  expect(read[0]).toBeLessThan(smallOnes);
  await producer.close();
  await admin.close();
}, 60_000);
