/**
 * The worker: a member of a consumer group on the events topic that keeps one or more read models
 * up to date (DESIGN 3.5). It owns the connection's lifetime: join, epoch after epoch, drain and
 * leave. epoch.ts has one assignment, partition-pipeline.ts one partition, lane.ts one projection in it.
 */
import { TurnstreamError } from '../error.ts';
import type { ConsumerHandlers, Log, LogConsumer } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Clock, Random } from './clock.ts';
import { DeadLetterWriter } from './dead-letter.ts';
import type { DeadLetterStore } from './dead-letter-store.ts';
import { Epoch, type EpochContext } from './epoch.ts';
import type { WorkerObserver } from './observer.ts';
import { StoppedProjections } from './stopped-projections.ts';
import type { CheckpointStore, ReadModelStore } from './store.ts';
import type { EntryDecoder } from './taken-record.ts';
import type { WorkerSettings } from './worker-settings.ts';
import { projectionStatus, type WorkerStatus } from './worker-status.ts';

export type WorkerDeps = {
  readonly log: Log;
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly letters: DeadLetterStore;
  readonly decoder: EntryDecoder;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
};

export type Worker = {
  /**
   * Works until the signal aborts, then drains, leaves the group and resolves. Rejects when the
   * events topic is not as configured (PARTITION_COUNT), when the consumer failed for good, or
   * when every projection has stopped.
   */
  run(signal: AbortSignal): Promise<void>;
  status(): WorkerStatus;
};

/** The tables are there already (ReadModelStore.ensure, `turnstream schema apply`). */
export function createWorker(deps: WorkerDeps, settings: WorkerSettings): Worker {
  const budget = new ByteBudget(settings.bytesInFlightMax);
  const failure = new AbortController();
  const fail = (error: unknown) => failure.abort(error);
  const names = settings.hosted.map(({ projection }) => projection.name);
  const stopped = new StoppedProjections(names, deps.logger, fail);
  let epoch: Epoch | null = null;
  return {
    async run(signal) {
      await checkPartitions(deps.log, settings);
      const producer = await deps.log.producer();
      const consumer = await deps.log.consumer(settings.group, settings.eventsTopic);
      const context: EpochContext = {
        ...deps,
        settings,
        budget,
        deadLetters: new DeadLetterWriter(producer),
        isStopped: (name) => stopped.has(name),
        stop: (name, thrown) => stopped.stop(name, thrown),
        commit: (number, offsets) => consumer.commit(number, offsets),
        fail,
      };
      const begin = (number: number | null) => {
        epoch?.end();
        epoch = number === null ? null : new Epoch(context, number);
        return epoch;
      };
      try {
        const ended = await consume(
          consumer,
          handlersOf(begin, () => epoch, deps, signal),
          [signal, failure.signal],
        );
        if (ended === 'consumer' && !signal.aborted) throw consumerEnded(settings);
        if (epoch !== null) await drain(epoch, deps, settings);
      } finally {
        begin(null);
        await consumer.stop();
        await producer.close();
      }
      if (failure.signal.aborted) throw failure.signal.reason;
    },
    status: () => ({
      epoch: epoch?.number ?? null,
      bytesInFlight: budget.used,
      projections: settings.hosted.map((hosted) =>
        projectionStatus(hosted, epoch?.pipelines ?? [], stopped),
      ),
    }),
  };
}

export function runWorker(
  deps: WorkerDeps,
  settings: WorkerSettings,
  signal: AbortSignal,
): Promise<void> {
  return createWorker(deps, settings).run(signal);
}

/** Resolves when the consumer has ended or one of the signals aborts. */
async function consume(
  consumer: LogConsumer,
  handlers: ConsumerHandlers,
  signals: readonly AbortSignal[],
): Promise<'consumer' | 'signal'> {
  const { signal, stopListening } = anyOf(signals);
  const running = consumer.run(handlers).then(() => 'consumer' as const);
  // After a signal nobody awaits it any more; its failure is then no news.
  running.catch(() => undefined);
  const aborted = new Promise<'signal'>((resolve) => {
    if (signal.aborted) resolve('signal');
    signal.addEventListener('abort', () => resolve('signal'), { once: true });
  });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    stopListening();
  }
}

function anyOf(signals: readonly AbortSignal[]) {
  const any = new AbortController();
  const abort = () => any.abort();
  for (const signal of signals) {
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  }
  const stopListening = () => {
    for (const signal of signals) signal.removeEventListener('abort', abort);
  };
  return { signal: any.signal, stopListening };
}

function handlersOf(
  begin: (number: number) => Epoch | null,
  current: () => Epoch | null,
  deps: WorkerDeps,
  signal: AbortSignal,
): ConsumerHandlers {
  return {
    async assigned(number, partitions) {
      const epoch = begin(number);
      const numbers = [...partitions.keys()];
      deps.observer.rebalanced(numbers);
      deps.logger.info({ epoch: number, partitions: numbers }, 'partitions assigned');
      // Too late to begin: what was read now could not be written before the end.
      if (epoch === null || signal.aborted) return new Map();
      return epoch.start(numbers);
    },
    revoked(number) {
      const epoch = current();
      if (epoch?.number === number) epoch.end();
    },
    async batch(number, partition, fetched) {
      const epoch = current();
      if (epoch?.number === number) await epoch.offer(partition, fetched);
    },
  };
}

async function drain(epoch: Epoch, deps: WorkerDeps, settings: WorkerSettings): Promise<void> {
  const timer = new AbortController();
  const limit = deps.clock.delay(settings.drainMsMax, timer.signal).then(() => 'late' as const);
  const drained = epoch.drain().then(() => 'drained' as const);
  const outcome = await Promise.race([drained, epoch.ended(), limit]);
  timer.abort();
  if (outcome === 'late') {
    deps.logger.warn(
      { drainMsMax: settings.drainMsMax },
      'what was queued could not be written in time; the next worker reads it again',
    );
  }
}

/** The partition of a session is computed from their number, so it never changes. */
async function checkPartitions(log: Log, settings: WorkerSettings): Promise<void> {
  const { eventsTopic, partitions } = settings;
  const admin = await log.admin();
  try {
    const found = await admin.partitionCount(eventsTopic);
    if (found === partitions) return;
    if (found === undefined) {
      throw new TurnstreamError(
        'LOG',
        `topic ${eventsTopic} does not exist yet; \`turnstream connect\` creates it`,
        { retriable: true },
      );
    }
    throw new TurnstreamError(
      'PARTITION_COUNT',
      `topic ${eventsTopic} has ${found} partitions, ${partitions} are configured; ` +
        'the number is fixed for the life of the store: configure the one that the topic has',
    );
  } finally {
    await admin.close();
  }
}

function consumerEnded(settings: WorkerSettings): TurnstreamError {
  return new TurnstreamError(
    'LOG',
    `the consumer of group ${settings.group} ended by itself; start the worker again`,
    { retriable: true },
  );
}
