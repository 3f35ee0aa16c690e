/**
 * The worker: a member of a consumer group on the events topic that keeps one or more read models
 * up to date (DESIGN 3.5). It owns the connection's lifetime: join, epoch after epoch, drain and
 * leave. epoch.ts has one assignment, partition-pipeline.ts one partition, lane.ts one projection in it.
 * When readers switch to another generation, the epoch begins anew with that one (live-hosting.ts).
 */
import { TurnstreamError } from '../error.ts';
import type { ConsumerHandlers, Log, LogConsumer } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { aborted, anySignal } from './any-signal.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Clock, Random } from './clock.ts';
import { DeadLetterWriter } from './dead-letter.ts';
import type { DeadLetterStore } from './dead-letter-store.ts';
import { Epoch, type EpochContext } from './epoch.ts';
import { fixedHosting, type Hosting } from './hosting.ts';
import type { WorkerObserver } from './observer.ts';
import { StoppedProjections } from './stopped-projections.ts';
import type { CheckpointStore, ReadModelStore } from './store.ts';
import type { EntryDecoder } from './taken-record.ts';
import { Turns } from './turns.ts';
import type { Hosted, WorkerSettings } from './worker-settings.ts';
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
  /** What it hosts, as that changes; without it `settings.hosted`, for ever. */
  readonly hosting?: Hosting;
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
  const hosting = deps.hosting ?? fixedHosting(settings.hosted);
  const stopped = new StoppedProjections(hosting, deps.logger, fail);
  const epochs = new Epochs(hosting, stopped, settings);
  return {
    async run(signal) {
      await checkPartitions(deps.log, settings);
      const producer = await deps.log.producer();
      const consumer = await deps.log.consumer(settings.group, settings.eventsTopic);
      const context: SharedContext = {
        ...deps,
        budget,
        turns: settings.foldsInTurn === true ? new Turns() : null,
        deadLetters: new DeadLetterWriter(producer),
        isStopped: (name) => stopped.has(name),
        commit: (number, offsets) => consumer.commit(number, offsets),
        fail,
      };
      const following = new AbortController();
      try {
        void hosting.follow(() => {
          if (!signal.aborted && !failure.signal.aborted) consumer.restart();
        }, following.signal);
        const ended = await consume(
          consumer,
          handlersOf(
            (number) => epochs.begin(context, number),
            () => epochs.current,
            deps,
            signal,
          ),
          [signal, failure.signal],
        );
        if (ended === 'consumer' && !signal.aborted) throw consumerEnded(settings);
        if (epochs.current !== null) await drain(epochs.current, deps, settings);
      } finally {
        following.abort();
        epochs.end();
        await consumer.stop();
        await producer.close();
      }
      if (failure.signal.aborted) throw failure.signal.reason;
    },
    status: () => ({
      epoch: epochs.current?.number ?? null,
      bytesInFlight: budget.used,
      projections: epochs.hosted.map((each) =>
        projectionStatus(each, epochs.current?.pipelines ?? [], stopped),
      ),
    }),
  };
}

type SharedContext = Omit<EpochContext, 'settings' | 'stop'>;

/** One epoch after the other, each with what is to be hosted when it begins. */
class Epochs {
  current: Epoch | null = null;
  hosted: readonly Hosted[];
  readonly #hosting: Hosting;
  readonly #stopped: StoppedProjections;
  readonly #settings: WorkerSettings;

  constructor(hosting: Hosting, stopped: StoppedProjections, settings: WorkerSettings) {
    this.#hosting = hosting;
    this.#stopped = stopped;
    this.#settings = settings;
    this.hosted = hosting.current();
  }

  begin(context: SharedContext, number: number): Epoch {
    this.end();
    const hosted = this.#hosting.current();
    this.#stopped.switched(this.hosted, hosted);
    this.hosted = hosted;
    const stop: EpochContext['stop'] = (name, thrown) => {
      // What befalls a late write to what is hosted no longer is nobody's trouble.
      if (this.#hosting.current() === hosted) this.#stopped.stop(name, thrown);
    };
    const settings = { ...this.#settings, hosted };
    this.current = new Epoch({ ...context, settings, stop }, number);
    return this.current;
  }

  end(): void {
    this.current?.end();
    this.current = null;
  }
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
  const { signal, release } = anySignal(...signals);
  const running = consumer.run(handlers).then(() => 'consumer' as const);
  // After a signal nobody awaits it any more; its failure is then no news.
  running.catch(() => undefined);
  const given = aborted(signal).then(() => 'signal' as const);
  try {
    return await Promise.race([running, given]);
  } finally {
    release();
  }
}

function handlersOf(
  begin: (number: number) => Epoch,
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
      if (signal.aborted) return new Map();
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
