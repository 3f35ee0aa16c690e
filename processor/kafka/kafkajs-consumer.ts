/**
 * Reading with kafkajs, under the semantics of log.ts. Every joining of the group is an epoch of
 * its own; it ends when the member asks to join again, stops or fails. At its start all partitions
 * are paused until the application has said where to begin; after that a batch is taken only if
 * it was fetched at exactly the offset that is due, so no stale fetch can leave a gap. Fetched
 * records go to a buffer per partition at once: kafkajs' loop never waits for the application, and
 * so heartbeats go on however long a batch takes. kafkajs can fall silent without an error (a
 * connection that answers no more, a partition that no fetcher has): fetch-watch.ts notices, and
 * the run ends as STALLED.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Batch, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { messageOf, TurnstreamError } from '../error.ts';
import { FetchWatch, stalledError, type Watched } from './fetch-watch.ts';
import { connectError, logError } from './kafkajs-errors.ts';
import { GroupLink, type Membership, watchedAssigner } from './kafkajs-group.ts';
import { createClient, type KafkaOptions, retryOf } from './kafkajs-options.ts';
import type {
  CommitOutcome,
  ConsumerHandlers,
  LogConsumer,
  LogHeaders,
  LogRecord,
  OffsetCommit,
} from './log.ts';
import { offsetOutsideError } from './log-errors.ts';
import { PartitionBuffer } from './partition-buffer.ts';
import { Sockets } from './sockets.ts';

type Epoch = {
  readonly number: number;
  readonly membership: Membership;
  readonly partitions: readonly number[];
  readonly buffers: Map<number, PartitionBuffer>;
  /** Whose word is due before it can read. */
  waitsFor: 'broker' | 'application' | null;
};

type Run = {
  readonly handlers: ConsumerHandlers;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Looks of the watch in the time that a silence may last. */
const looksMin = 10;

export class KafkajsConsumer implements LogConsumer {
  private readonly options: KafkaOptions;
  private readonly group: string;
  private readonly topic: string;
  private readonly consumer: Consumer;
  private readonly link: GroupLink;
  private readonly sockets = new Sockets();
  private readonly watch: FetchWatch;
  private membership: Membership | null = null;
  private epoch: Epoch | null = null;
  private epochs = 0;
  private current: Run | null = null;
  private started: Promise<void> = Promise.resolve();
  private readonly ending = new AbortController();
  private readonly closing = this.ending.signal;
  private ended: Promise<void> | null = null;

  constructor(options: KafkaOptions, group: string, topic: string) {
    this.options = options;
    this.group = group;
    this.topic = topic;
    this.watch = new FetchWatch(options.fetchStalledMsMax);
    const kafka = createClient(options, this.sockets);
    this.consumer = this.createConsumer(kafka);
    this.link = new GroupLink(kafka, group, topic, options);
    const { events } = this.consumer;
    this.consumer.on(events.GROUP_JOIN, ({ payload }) =>
      this.beginEpoch(payload.memberAssignment[topic] ?? []),
    );
    this.consumer.on(events.START_BATCH_PROCESS, ({ payload }) => this.skipEmpty(payload));
    this.consumer.on(events.CRASH, ({ payload }) => {
      void this.end(logError(`reading ${topic} as ${group}`, payload.error));
    });
  }

  async run(handlers: ConsumerHandlers): Promise<void> {
    if (this.current !== null) throw new TurnstreamError('LOG', 'the consumer runs already');
    if (this.ended !== null) return;
    await new Promise<void>((resolve, reject) => {
      this.current = { handlers, resolve, reject };
      this.watchFetching();
      this.started = this.start().catch((error: unknown) => {
        // Not awaited: the end of a stop waits for the start.
        void this.end(error);
      });
    });
  }

  async commit(epoch: number, offsets: ReadonlyMap<number, OffsetCommit>): Promise<CommitOutcome> {
    const current = this.epoch;
    if (current === null || current.number !== epoch) return 'fenced';
    return this.link.commit(current.membership, offsets, () => this.epoch !== current);
  }

  restart(): void {
    if (this.epoch !== null) this.beginEpoch(this.epoch.partitions);
  }

  async stop(): Promise<void> {
    await this.end(null);
  }

  private createConsumer(kafka: Kafka): Consumer {
    const { options } = this;
    return kafka.consumer({
      groupId: this.group,
      allowAutoTopicCreation: false,
      // What Connect gave up in its exactly-once mode is in the topic all the same.
      readUncommitted: false,
      partitionAssigners: [
        watchedAssigner({
          joining: () => this.endEpoch(),
          joined: (membership) => {
            this.membership = membership;
          },
        }),
      ],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      minBytes: 1,
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: options.partitionFetchBytesMax,
      maxWaitTimeInMs: options.fetchWaitMsMax,
      retry: retryOf(options),
    });
  }

  private async start(): Promise<void> {
    try {
      await this.link.connect();
      await this.consumer.connect();
    } catch (error) {
      throw connectError(this.options.brokers, error);
    }
    try {
      await this.consumer.subscribe({ topics: [this.topic], fromBeginning: true });
      await this.consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async (payload) => this.take(payload),
      });
    } catch (error) {
      throw logError(`reading ${this.topic} as ${this.group}`, error);
    }
  }

  /**
   * Looks at short intervals whether the fetching goes on. Time that the process itself stood still
   * is not counted: nobody can fetch in it.
   */
  private watchFetching(): void {
    const intervalMs = this.options.fetchStalledMsMax / looksMin;
    let [watchedMs, lookedAtMs] = [0, performance.now()];
    let asking = false;
    const look = (): void => {
      const nowMs = performance.now();
      watchedMs += Math.min(nowMs - lookedAtMs, 2 * intervalMs);
      lookedAtMs = nowMs;
      const silence = this.watch.look(watchedMs, this.watched());
      if (silence !== null) {
        void this.end(stalledError(this.topic, this.group, silence));
        return;
      }
      if (asking) return;
      asking = true;
      void this.askEnds(watchedMs).finally(() => {
        asking = false;
      });
    };
    const timer = setInterval(look, intervalMs);
    this.closing.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  private watched(): Watched {
    const { epoch } = this;
    if (epoch === null || epoch.waitsFor === 'broker') return { kind: 'joining' };
    if (epoch.waitsFor === 'application') return { kind: 'application' };
    return { kind: 'reading', epoch: epoch.number, partitions: epoch.buffers };
  }

  /** No answer is an answer too: the watch counts on. */
  private async askEnds(askedAtMs: number): Promise<void> {
    const { epoch } = this;
    if (epoch === null || epoch.waitsFor !== null || epoch.buffers.size === 0) return;
    try {
      const ends = await this.link.ends([...epoch.buffers.keys()]);
      this.watch.answered(askedAtMs, epoch.number, ends);
    } catch (error) {
      const details = { error: messageOf(error), attempt: 1 };
      this.options.logger('info', `no broker says where ${this.topic} ends`, details);
    }
  }

  /** Ends the run once, by stop (null) or by a failure. Leaving the group is part of it. */
  private end(failure: unknown): Promise<void> {
    this.ended ??= this.close(failure);
    return this.ended;
  }

  private async close(failure: unknown): Promise<void> {
    this.ending.abort();
    this.endEpoch();
    // Requests that are never answered would hold up the leaving, which goes over new connections.
    if (isStalled(failure)) this.sockets.destroy(new Error('given up: it answered no more'));
    const given = new AbortController();
    const outcome = await Promise.race([
      this.leave(failure).catch((error: unknown) => messageOf(error)),
      pause(this.options.leaveMsMax, 'no broker answered in time', { signal: given.signal }).catch(
        () => undefined,
      ),
    ]);
    given.abort();
    if (outcome !== undefined) {
      const details = { error: outcome };
      this.options.logger('warn', `leaving group ${this.group} was not orderly`, details);
      // What is left of the client must not go on behind the next one's back.
      this.sockets.destroy(new Error('closed: the leaving took too long'));
    }
    this.endEpoch();
    if (failure === null) this.current?.resolve();
    else this.current?.reject(failure);
  }

  private async leave(failure: unknown): Promise<undefined> {
    // A member that has asked to join must have joined before it can leave; but a start that
    // failed, or that waits for this very call, has nothing to be waited for.
    if (failure === null) await this.started;
    await Promise.all([this.consumer.disconnect(), this.link.disconnect()]);
  }

  private beginEpoch(partitions: readonly number[]): void {
    this.endEpoch();
    if (this.ended !== null || this.membership === null) return;
    this.epochs += 1;
    const epoch: Epoch = {
      number: this.epochs,
      membership: this.membership,
      partitions,
      buffers: new Map(),
      waitsFor: 'broker',
    };
    this.epoch = epoch;
    // In the same turn as the joining: no fetch of this epoch can have begun. After a restart one of
    // the former epoch may still be on its way: it finds no buffer, or is not at the offset that is due.
    if (partitions.length > 0)
      this.consumer.pause([{ topic: this.topic, partitions: [...partitions] }]);
    this.assign(epoch, partitions).catch((error: unknown) => {
      if (this.epoch === epoch) void this.end(error);
    });
  }

  private endEpoch(): void {
    const { epoch } = this;
    if (epoch === null) return;
    this.epoch = null;
    for (const buffer of epoch.buffers.values()) buffer.close();
    this.current?.handlers.revoked(epoch.number);
  }

  private async assign(epoch: Epoch, partitions: readonly number[]): Promise<void> {
    if (this.current === null) return;
    const { handlers } = this.current;
    const committed = await this.link.committed(partitions);
    if (this.epoch !== epoch) return;
    epoch.waitsFor = 'application';
    const starts = await handlers.assigned(epoch.number, committed);
    epoch.waitsFor = 'broker';
    if (this.epoch !== epoch) return;
    // Not before `assigned`: a checkpoint that a former owner saves meanwhile can be beyond that end.
    const bounds = await this.link.bounds(partitions);
    if (this.epoch !== epoch) return;
    for (const partition of partitions) {
      const { first, end } = bounds.get(partition) ?? { first: 0, end: 0 };
      const start = starts.get(partition) ?? committed.get(partition)?.offset ?? first;
      if (start > end || start < first) {
        throw offsetOutsideError(this.topic, partition, start, first, end);
      }
      epoch.buffers.set(partition, this.buffer(epoch, partition, start));
    }
    for (const [partition, { next }] of epoch.buffers) {
      this.consumer.seek({ topic: this.topic, partition, offset: String(next) });
    }
    if (partitions.length > 0) {
      this.consumer.resume([{ topic: this.topic, partitions: [...partitions] }]);
    }
    epoch.waitsFor = null;
  }

  private buffer(epoch: Epoch, partition: number, start: number): PartitionBuffer {
    const target = [{ topic: this.topic, partitions: [partition] }];
    const whileCurrent = (act: () => void): void => {
      if (this.epoch === epoch) act();
    };
    return new PartitionBuffer(
      start,
      {
        deliver: async (batch) => {
          if (this.epoch !== epoch || this.current === null) return;
          await this.current.handlers.batch(epoch.number, partition, batch);
        },
        pause: () => whileCurrent(() => this.consumer.pause(target)),
        resume: () => whileCurrent(() => this.consumer.resume(target)),
        fail: (error) => whileCurrent(() => void this.end(error)),
      },
      {
        queueBytesMax: this.options.partitionQueueBytesMax,
        batchRecordsMax: this.options.batchRecordsMax,
      },
    );
  }

  private take({ batch, resolveOffset }: EachBatchPayload): void {
    const buffer = this.epoch?.buffers.get(batch.partition);
    const last = batch.messages.at(-1);
    if (buffer === undefined || last === undefined) return;
    if (fetchedAt(batch) !== buffer.next) {
      const { topic, partition } = batch;
      this.consumer.seek({ topic, partition, offset: String(buffer.next) });
      return;
    }
    resolveOffset(last.offset);
    const next = Number(batch.lastOffset()) + 1;
    buffer.offer(batch.messages.map(recordOf), next, Number(batch.highWatermark));
  }

  /** A fetch that brought marks of transactions alone never reaches `take`, but moves on. */
  private skipEmpty(payload: {
    readonly partition: number;
    readonly batchSize: number;
    readonly firstOffset: string | null;
    readonly lastOffset: string;
  }): void {
    const buffer = this.epoch?.buffers.get(payload.partition);
    if (payload.batchSize > 0 || buffer === undefined) return;
    if (payload.firstOffset === null || Number(payload.firstOffset) >= buffer.next) {
      buffer.next = Math.max(buffer.next, Number(payload.lastOffset) + 1);
    }
  }
}

function isStalled(failure: unknown): boolean {
  return failure instanceof TurnstreamError && failure.code === 'STALLED';
}

function fetchedAt(batch: Batch): number {
  const { fetchedOffset } = batch as Batch & { readonly fetchedOffset?: string };
  return Number(fetchedOffset);
}

const noHeaders: LogHeaders = {};

function recordOf(message: KafkaMessage): LogRecord {
  return {
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: message.headers === undefined ? noHeaders : headersOf(message.headers),
  };
}

/** Of a header that stands twice, the last counts. */
function headersOf(headers: NonNullable<KafkaMessage['headers']>): LogHeaders {
  const texts: Record<string, string> = {};
  let some = false;
  for (const [name, value] of Object.entries(headers as object)) {
    const last: unknown = Array.isArray(value) ? value.at(-1) : value;
    texts[name] = String(last ?? '');
    some = true;
  }
  return some ? texts : noHeaders;
}
