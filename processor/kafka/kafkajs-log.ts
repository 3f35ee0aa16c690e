/**
 * The log on Kafka: the port of log.ts, made with kafkajs by the kafkajs-*.ts files of this folder,
 * which alone import it. The contract that it keeps is log.contract.ts.
 */
import { registerCodecs } from './codecs.ts';
import { openAdmin } from './kafkajs-admin.ts';
import { KafkajsConsumer } from './kafkajs-consumer.ts';
import type { KafkaOptions } from './kafkajs-options.ts';
import { openProducer } from './kafkajs-producer.ts';
import type { Log } from './log.ts';

export function createKafkaLog(options: KafkaOptions): Log {
  registerCodecs();
  return {
    producer: () => openProducer(options),
    consumer: async (group, topic) => new KafkajsConsumer(options, group, topic),
    admin: () => openAdmin(options),
  };
}
