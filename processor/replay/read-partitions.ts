/**
 * Reads partitions of a topic from the beginning, record by record in their order, by a group of its own
 * that is not met again; to where they end now, or on and on. Memory is that of a fetch (I10).
 */
import { TurnstreamError } from '../error.ts';
import type { Log, LogConsumer, LogRecord } from '../kafka/log.ts';

export type Reading = {
  readonly topic: string;
  readonly group: string;
  /** Null: all of them. The others are not read. */
  readonly partition: number | null;
  /** Go on with what comes until the signal aborts. */
  readonly follow: boolean;
  /** Before the records of a batch are handed over: schemas that they need. */
  readonly load: (values: Iterable<Buffer | null>) => Promise<void>;
};

/** Says how many partitions the topic has; throws LOG when there is no such topic. */
export async function partitionsOf(log: Log, topic: string): Promise<number> {
  const admin = await log.admin();
  try {
    const count = await admin.partitionCount(topic);
    if (count !== undefined) return count;
    throw new TurnstreamError(
      'LOG',
      `There is no topic ${topic} yet; \`turnstream connect\` creates the topics.`,
    );
  } finally {
    await admin.close();
  }
}

/** Each record once. Rejects with what `take` throws. */
export async function readPartitions(
  log: Log,
  reading: Reading,
  take: (partition: number, record: LogRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  const { topic, group, partition, follow, load } = reading;
  const admin = await log.admin();
  const ends = await admin.endOffsets(topic).finally(() => admin.close());
  const wanted = [...ends.keys()].filter((each) => partition === null || each === partition);
  const left = new Set(follow ? wanted : wanted.filter((each) => (ends[each] ?? 0) > 0));
  if (left.size === 0) return;
  const consumer = await log.consumer(group, topic);
  try {
    await consumed(consumer, { ends, wanted, left, follow, load, take }, signal);
  } finally {
    await consumer.stop();
  }
}

type Course = {
  readonly ends: readonly number[];
  readonly wanted: readonly number[];
  /** Partitions that are not at their end. */
  readonly left: Set<number>;
  readonly follow: boolean;
  readonly load: Reading['load'];
  readonly take: (partition: number, record: LogRecord) => void;
};

function consumed(
  consumer: LogConsumer,
  { ends, wanted, left, follow, load, take }: Course,
  signal: AbortSignal,
): Promise<void> {
  /** Rebalanced or not: the next one of each. */
  const next = new Map(wanted.map((each) => [each, 0]));
  let revoke: () => void = () => undefined;
  let revoked: Promise<void> = Promise.resolve();
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    const running = consumer.run({
      assigned: async (_, partitions) => {
        revoked = new Promise((over) => {
          revoke = over;
        });
        return new Map(
          [...partitions.keys()].map((each) => [each, next.get(each) ?? ends[each] ?? 0]),
        );
      },
      revoked: () => revoke(),
      batch: async (_, partition, { records }) => {
        // Held back, so that no more of it is fetched.
        if (!next.has(partition) || (!follow && !left.has(partition))) return revoked;
        try {
          await load(records.map(({ value }) => value));
          for (const record of records) {
            const end = ends[partition] ?? 0;
            if (record.offset < (next.get(partition) ?? 0)) continue;
            if (!follow && record.offset >= end) break;
            take(partition, record);
            next.set(partition, record.offset + 1);
          }
          const atEnd = (records.at(-1)?.offset ?? -1) + 1 >= (ends[partition] ?? 0);
          if (!follow && atEnd && left.delete(partition) && left.size === 0) resolve();
        } catch (thrown) {
          reject(thrown);
        }
      },
    });
    running.then(resolve, reject);
  });
}
