/**
 * Reads a topic of one partition from its beginning to where it ends now, by a group of its own that is
 * not met again. A record may be handed over more than once, when the group is rebalanced.
 */
import type { Log, LogConsumer, LogRecord } from '../kafka/log.ts';

export async function readTopic(
  log: Log,
  { topic, group }: { readonly topic: string; readonly group: string },
  /** False when no more is wanted. */
  take: (record: LogRecord) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const end = await endOf(log, topic);
  if (end === 0) return;
  const consumer = await log.consumer(group, topic);
  try {
    await toEnd(consumer, end, take, signal);
  } finally {
    await consumer.stop();
  }
}

async function endOf(log: Log, topic: string): Promise<number> {
  const admin = await log.admin();
  try {
    if ((await admin.partitionCount(topic)) === undefined) return 0;
    const [end = 0] = await admin.endOffsets(topic);
    return end;
  } finally {
    await admin.close();
  }
}

function toEnd(
  consumer: LogConsumer,
  end: number,
  take: (record: LogRecord) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) return resolve();
    const running = consumer.run({
      assigned: async (_, partitions) => new Map([...partitions.keys()].map((one) => [one, 0])),
      revoked: () => undefined,
      batch: async (_epoch, _partition, { records }) => {
        try {
          for (const record of records) {
            if (record.offset < end && !(await take(record))) return resolve();
            if (record.offset + 1 >= end) return resolve();
          }
        } catch (thrown) {
          reject(thrown);
        }
      },
    });
    running.then(resolve, reject);
  });
}
