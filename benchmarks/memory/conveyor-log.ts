/**
 * A log that keeps nothing: `changes` are made as they are read, events are handed to whoever reads
 * them and forgotten. Appending waits while readers are behind, as a reader waits for its database.
 * For processes that read for ever (memory.bench.ts): what grows is not the log's.
 */
import type {
  ConsumerHandlers,
  Log,
  LogAdmin,
  LogConsumer,
  LogProducer,
  LogRecord,
  NewRecord,
} from '../../processor/kafka/log.ts';

export type ConveyorOptions = {
  readonly changesTopic: string;
  readonly eventsPartitions: number;
  /** The next records of `changes`, from the offset on; empty at the end. */
  readonly next: (offset: number) => Promise<readonly LogRecord[]>;
  /** Appended and not yet taken, in records of one partition. */
  readonly waitingMax: number;
  /** False: events are dropped when they are appended. */
  readonly hasReader: boolean;
};

const far = Number.MAX_SAFE_INTEGER;

export class ConveyorLog implements Log {
  readonly #options: ConveyorOptions;
  readonly #queues: { records: LogRecord[]; offset: number }[];
  #wake: (() => void)[] = [];
  bytesAppended = 0;

  constructor(options: ConveyorOptions) {
    this.#options = options;
    this.#queues = Array.from({ length: options.eventsPartitions }, () => ({
      records: [],
      offset: 0,
    }));
  }

  async producer(): Promise<LogProducer> {
    return { append: (records) => this.#append(records), close: async () => undefined };
  }

  async #append(records: readonly NewRecord[]): Promise<void> {
    for (const { partition, key, value } of records) {
      this.bytesAppended += value?.length ?? 0;
      const queue = this.#queues[partition];
      if (queue === undefined || !this.#options.hasReader) continue;
      while (queue.records.length >= this.#options.waitingMax) await this.#changed();
      const offset = queue.offset;
      queue.offset += 1;
      queue.records.push({ offset, timestampMs: Date.now(), key, value, headers: {} });
    }
    this.#changedNow();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #changedNow(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const one of wake) one();
  }

  async consumer(_group: string, topic: string): Promise<LogConsumer> {
    const stopped = new AbortController();
    const isChanges = topic === this.#options.changesTopic;
    const run = async (handlers: ConsumerHandlers): Promise<void> => {
      const partitions = isChanges ? [0] : this.#queues.map((_, partition) => partition);
      await handlers.assigned(1, new Map(partitions.map((partition) => [partition, null])));
      if (isChanges) await this.#feed(handlers, stopped.signal);
      else await Promise.all(partitions.map((one) => this.#drain(one, handlers, stopped.signal)));
      await untilAborted(stopped.signal);
    };
    return {
      run,
      commit: async () => 'committed',
      restart: () => undefined,
      stop: async () => {
        stopped.abort();
        this.#changedNow();
      },
    };
  }

  async #feed(handlers: ConsumerHandlers, stopped: AbortSignal): Promise<void> {
    let offset = 0;
    while (!stopped.aborted) {
      const records = await this.#options.next(offset);
      if (records.length === 0) return;
      offset += records.length;
      await handlers.batch(1, 0, { records, endOffset: far });
    }
  }

  async #drain(partition: number, handlers: ConsumerHandlers, stopped: AbortSignal): Promise<void> {
    const queue = this.#queues[partition];
    while (queue !== undefined && !stopped.aborted) {
      const { records } = queue;
      if (records.length === 0) {
        await this.#changed();
        continue;
      }
      queue.records = [];
      this.#changedNow();
      await handlers.batch(1, partition, { records, endOffset: queue.offset });
    }
  }

  async admin(): Promise<LogAdmin> {
    const { changesTopic, eventsPartitions } = this.#options;
    return {
      ensureTopics: async () => undefined,
      partitionCount: async (topic) => (topic === changesTopic ? 1 : eventsPartitions),
      endOffsets: async () => this.#queues.map(({ offset }) => offset),
      committedOffsets: async () => this.#queues.map(() => null),
      close: async () => undefined,
    };
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
