/** The dead letters of a spine, as they stand in their topic by now. */
import { Kafka, logLevel } from 'kafkajs';
import type { Spine } from './spine.ts';

export type SetAside = {
  readonly error: string;
  readonly projection: string;
  readonly value: Buffer | null;
};

export async function deadLettersOf(spine: Spine): Promise<readonly SetAside[]> {
  const topic = `${spine.name}.dead-letters`;
  const { brokers } = spine.addresses.kafka;
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const [end] = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const count = Number(end!.high);
  const found: SetAside[] = [];
  if (count === 0) return found;
  const consumer = kafka.consumer({ groupId: `${topic}.${process.hrtime.bigint()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({
      message,
    }: {
      message: { value: Buffer | null; headers?: object };
    }) => {
      const headers = message.headers as Record<string, Buffer>;
      const text = (name: string) => String(headers[name] ?? '');
      found.push({ error: text('error'), projection: text('projection'), value: message.value });
      if (found.length === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return found;
}
