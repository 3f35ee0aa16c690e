/**
 * Reads a topic of row changes from its beginning, as the sequencer does (its own decoder, what is
 * committed alone), and remembers of each row when it came and how often. For tests that must know
 * where in a stream something fell.
 */
import { stackAddresses } from '../../../local/stack.ts';
import { createKafkaLog } from '../../../processor/kafka/kafkajs-log.ts';
import { kafkaDefaults } from '../../../processor/kafka/kafkajs-options.ts';
import type { LogConsumer } from '../../../processor/kafka/log.ts';
import { recordDecoder } from '../../../processor/source/avro.ts';
import { httpRegistry } from '../../../processor/source/registry.ts';
import type { SourceRecord } from '../../../processor/source/row-change.ts';

/** One key of one statement: the offsets at which it came. */
type Sighting = { readonly first: number; times: number };

export type Tally = {
  /** Keys that came at all. */
  readonly distinct: number;
  /** Records, those that came again included. */
  readonly records: number;
};

/** Names the statement that a record is of; null when it is of none that the test counts. */
export type StatementOf = (record: SourceRecord) => { statement: string; key: string } | null;

export class ChangesReader {
  readonly #topic: string;
  readonly #statementOf: StatementOf;
  readonly #seen = new Map<string, Map<string, Sighting>>();
  readonly #consumer: Promise<LogConsumer>;
  #reading: Promise<void> | undefined;
  #failed: Error | undefined;
  #arrived: () => void = () => undefined;
  /** The offset after the last record that was read. */
  next = 0;

  constructor(topic: string, statementOf: StatementOf) {
    this.#topic = topic;
    this.#statementOf = statementOf;
    const { brokers } = stackAddresses().kafka;
    const log = createKafkaLog({
      ...kafkaDefaults,
      brokers,
      clientId: 'changes-reader',
      logger: () => undefined,
    });
    this.#consumer = log.consumer(`${topic}.reader`, topic);
  }

  async start(): Promise<void> {
    const registry = httpRegistry({ url: `${stackAddresses().registry.url}/apis/ccompat/v7` });
    const decoder = recordDecoder({ registry, topic: this.#topic });
    const consumer = await this.#consumer;
    this.#reading = consumer
      .run({
        assigned: async () => new Map([[0, 0]]),
        revoked: () => undefined,
        batch: async (_epoch, _partition, { records }) => {
          await decoder.load(records);
          for (const record of records) this.#take(record.offset, decoder.decode(record));
          this.#arrived();
        },
      })
      .catch((error: unknown) => {
        this.#failed = error as Error;
        this.#arrived();
      });
  }

  #take(offset: number, record: SourceRecord): void {
    this.next = offset + 1;
    const named = this.#statementOf(record);
    if (named === null) return;
    const rows = this.#seen.get(named.statement) ?? new Map<string, Sighting>();
    this.#seen.set(named.statement, rows);
    const sighting = rows.get(named.key);
    if (sighting === undefined) rows.set(named.key, { first: offset, times: 1 });
    else sighting.times += 1;
  }

  /** What had come of a statement below an offset; all of it without one. */
  tally(statement: string, below = Number.POSITIVE_INFINITY): Tally {
    let distinct = 0;
    let records = 0;
    for (const { first, times } of this.#seen.get(statement)?.values() ?? []) {
      if (first < below) distinct += 1;
      records += times;
    }
    return { distinct, records };
  }

  distinct(statement: string): number {
    return this.#seen.get(statement)?.size ?? 0;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failed !== undefined) throw this.#failed;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    await (await this.#consumer).stop();
    await this.#reading;
  }
}
