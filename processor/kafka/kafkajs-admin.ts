/** Topics and offsets with kafkajs, over a connection of its own. */
import type { Admin } from 'kafkajs';
import { connectError, logError } from './kafkajs-errors.ts';
import { createClient, type KafkaOptions, retryOf } from './kafkajs-options.ts';
import type { LogAdmin, TopicSpec } from './log.ts';
import { partitionCountError } from './log-errors.ts';

export async function openAdmin(options: KafkaOptions): Promise<LogAdmin> {
  const admin = createClient(options).admin({ retry: retryOf(options) });
  try {
    await admin.connect();
  } catch (error) {
    throw connectError(options.brokers, error);
  }
  const ask = async <Answer>(doing: string, request: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await request();
    } catch (error) {
      throw logError(doing, error);
    }
  };
  return {
    ensureTopics: (specs) => ask('creating topics', () => ensureTopics(admin, specs)),
    partitionCount: (topic) => ask(`looking up topic ${topic}`, () => partitionCount(admin, topic)),
    endOffsets: (topic) =>
      ask(`reading the end of topic ${topic}`, async () => {
        const offsets = await admin.fetchTopicOffsets(topic);
        return byPartition(offsets.map(({ partition, high }) => [partition, Number(high)]));
      }),
    committedOffsets: (group, topic) =>
      ask(`reading the offsets of group ${group}`, async () => {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return byPartition(
          (found?.partitions ?? []).map(({ partition, offset }) => [
            partition,
            Number(offset) < 0 ? null : Number(offset),
          ]),
        );
      }),
    close: () => admin.disconnect(),
  };
}

async function ensureTopics(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = specs.filter(({ topic }) => !existing.has(topic));
  if (missing.length > 0) {
    // Answers false, without an error, when somebody else was faster.
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions, replicationFactor, config }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      })),
    });
  }
  for (const spec of specs) {
    const found = await partitionCount(admin, spec.topic);
    if (found !== spec.partitions) throw partitionCountError(spec, found ?? 0);
  }
}

async function partitionCount(admin: Admin, topic: string): Promise<number | undefined> {
  const existing = await admin.listTopics();
  if (!existing.includes(topic)) return undefined;
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.length;
}

function byPartition<Value>(entries: readonly (readonly [number, Value])[]): readonly Value[] {
  return entries.toSorted(([left], [right]) => left - right).map(([, value]) => value);
}
