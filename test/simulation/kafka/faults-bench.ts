/** A simulated Kafka with a topic of three partitions, whose next calls fare as a test says. */
import { vi } from 'vitest';
import type { LogConsumer, LogRecord, NewRecord } from '../../../processor/kafka/log.ts';
import { openCalm } from '../calm.ts';
import type { Fate } from '../network.ts';
import { Process } from '../process.ts';
import type { KafkaOptions } from './ports.ts';
import { SimulatedKafka } from './simulated-kafka.ts';

export const topic = 'turnstream.events';
export const group = 'readers';

export type Reader = {
  readonly consumer: LogConsumer;
  readonly process: Process;
  readonly running: Promise<void>;
  readonly assigned: number[];
  readonly partitions: number[][];
  readonly revoked: number[];
  readonly batches: { readonly partition: number; readonly records: readonly LogRecord[] }[];
};

export function openFaults(seed = 1, options: Partial<KafkaOptions> = {}) {
  /** By label, the fates of its next calls. */
  const coming = new Map<string, Fate[]>();
  const calm = openCalm(seed, (_, label) => coming.get(label)?.shift() ?? 'answered');
  const counts = new Map<string, number>();
  const steps: string[] = [];
  calm.scheduler.onStep = (owner, label) => steps.push(`${owner.name}: ${label}`);
  const kafka = new SimulatedKafka({
    ...calm,
    options,
    count: (name) => counts.set(name, (counts.get(name) ?? 0) + 1),
  });
  kafka.createTopic(topic, 3);
  const fates = (label: string, ...next: Fate[]) => coming.set(label, next);

  async function reader(name: string): Promise<Reader> {
    const process = new Process(name);
    const consumer = await kafka.log(process).consumer(group, topic);
    const assigned: number[] = [];
    const partitions: number[][] = [];
    const revoked: number[] = [];
    const batches: Reader['batches'] = [];
    const running = consumer.run({
      assigned: async (epoch, owned) => {
        assigned.push(epoch);
        partitions.push([...owned.keys()]);
        return new Map();
      },
      revoked: (epoch) => {
        revoked.push(epoch);
      },
      batch: async (_epoch, partition, { records }) => {
        batches.push({ partition, records });
      },
    });
    running.catch(() => undefined);
    return { consumer, process, running, assigned, partitions, revoked, batches };
  }

  return { ...calm, kafka, counts, steps, fates, reader };
}

export type Faults = ReturnType<typeof openFaults>;

export const record = (partition: number, value: string): NewRecord => {
  return { topic, partition, key: null, value: Buffer.from(value) };
};

export const until = (condition: () => void): Promise<void> =>
  vi.waitFor(condition, { timeout: 5000, interval: 1 });

/** The values in each partition. */
export const standing = ({ kafka }: Faults): string[] =>
  kafka.partitions(topic).map((records) => records.map(({ value }) => String(value)).join(''));
