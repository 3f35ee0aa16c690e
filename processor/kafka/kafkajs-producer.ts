/**
 * Appending with kafkajs: explicit partitions, acks=all, records cut into requests of bounded size
 * that follow one another, so records of a partition keep their order. Not idempotent: a request
 * that kafkajs repeats may be there twice, which readers drop by position (I2); what matters is
 * that first occurrences stand in order.
 */
import type { Message, Producer } from 'kafkajs';
import { connectError, logError } from './kafkajs-errors.ts';
import { compressionOf, createClient, type KafkaOptions, retryOf } from './kafkajs-options.ts';
import type { LogProducer, NewRecord } from './log.ts';

/** Length fields, deltas and the header count of a record, generously. */
const recordOverheadBytes = 40;
const allReplicas = -1;

export async function openProducer(options: KafkaOptions): Promise<LogProducer> {
  const producer = createClient(options).producer({
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
    allowAutoTopicCreation: false,
    idempotent: false,
    retry: retryOf(options),
  });
  try {
    await producer.connect();
  } catch (error) {
    throw connectError(options.brokers, error);
  }
  return {
    append: async (records) => {
      for (const request of requests(records, options.requestBytesMax)) {
        await send(producer, options, request);
      }
    },
    close: () => producer.disconnect(),
  };
}

async function send(
  producer: Producer,
  options: KafkaOptions,
  records: readonly NewRecord[],
): Promise<void> {
  const byTopic = new Map<string, Message[]>();
  for (const record of records) {
    const message: Message = {
      key: record.key,
      value: record.value,
      partition: record.partition,
    };
    if (record.headers !== undefined) message.headers = { ...record.headers };
    const messages = byTopic.get(record.topic);
    if (messages === undefined) byTopic.set(record.topic, [message]);
    else messages.push(message);
  }
  try {
    await producer.sendBatch({
      acks: allReplicas,
      timeout: options.requestTimeoutMs,
      compression: compressionOf(options),
      topicMessages: Array.from(byTopic, ([topic, messages]) => ({ topic, messages })),
    });
  } catch (error) {
    const topics = [...byTopic.keys()].join(', ');
    throw logError(`appending ${records.length} records to ${topics}`, error);
  }
}

/** Cuts the records, in order, into runs of bounded size; a record above it is a run of its own. */
export function* requests(
  records: readonly NewRecord[],
  requestBytesMax: number,
): Iterable<readonly NewRecord[]> {
  let start = 0;
  let bytes = 0;
  for (const [at, record] of records.entries()) {
    const size = sizeOf(record);
    if (at > start && bytes + size > requestBytesMax) {
      yield records.slice(start, at);
      start = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < records.length) yield records.slice(start);
}

function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of Object.entries(headers ?? {})) {
    bytes += name.length * 3 + text.length * 3;
  }
  return bytes;
}
