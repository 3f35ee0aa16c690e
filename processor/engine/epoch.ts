/**
 * One assignment of partitions to a worker, from its checkpoints to its end. Everything that a
 * worker remembers lives in an epoch and ends with it. What is still being written when it ends
 * may arrive later: it carries its positions and does no harm (I6); its checkpoints are not saved.
 */

import { setMaxListeners } from 'node:events';
import type { CommitOutcome, FetchedBatch, OffsetCommit } from '../kafka/log.ts';
import { aborted } from './any-signal.ts';
import { letterOriginOf } from './dead-letter-store.ts';
import { GroupCommit } from './group-commit.ts';
import { Lane } from './lane.ts';
import { beginning } from './lane-batch.ts';
import { PartitionPipeline } from './partition-pipeline.ts';
import type { WriterContext } from './partition-writer.ts';
import { untilDone } from './retry.ts';
import type { Checkpoint } from './store.ts';
import { loadWaiting } from './waiting-letters.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

export type EpochContext = Omit<WriterContext, 'over' | 'checkpointed'> & {
  readonly commit: (
    epoch: number,
    offsets: ReadonlyMap<number, OffsetCommit>,
  ) => Promise<CommitOutcome>;
  /** A fault of the worker itself: it can't go on. */
  readonly fail: (error: unknown) => void;
};

type Started = { readonly hosted: Hosted; readonly from: ReadonlyMap<number, Checkpoint> };

export class Epoch {
  readonly number: number;
  readonly #context: EpochContext;
  readonly #over = new AbortController();
  readonly #commits: GroupCommit;
  readonly #pipelines = new Map<number, PartitionPipeline>();
  #running: Promise<unknown> = Promise.resolve();
  #sealed = false;

  constructor(context: EpochContext, number: number) {
    this.#context = context;
    this.number = number;
    // Every partition listens, and there are more than the ten from which Node suspects a leak.
    setMaxListeners(0, this.#over.signal);
    this.#commits = new GroupCommit({
      commit: (offsets) => context.commit(number, offsets),
      intervalMs: context.settings.commitIntervalMs,
      clock: context.clock,
      over: this.#over.signal,
      onFenced: () => {
        context.logger.info({ epoch: number }, 'the broker refused a commit: the epoch is over');
        this.end();
      },
      logger: context.logger,
    });
  }

  get pipelines(): readonly PartitionPipeline[] {
    return [...this.#pipelines.values()];
  }

  /** Loads the checkpoints and starts the partitions; answers where each goes on. */
  async start(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const started = (
      await Promise.all(this.#context.settings.hosted.map((each) => this.#load(each)))
    ).filter((each) => each !== null);
    const offsets = new Map<number, number>();
    if (this.#over.signal.aborted || this.#sealed || started.length === 0) return offsets;
    const context: WriterContext = {
      ...this.#context,
      over: this.#over.signal,
      checkpointed: (partition, offset) => this.#commits.note(partition, offset),
    };
    const opened = await Promise.all(
      partitions.map(async (partition) => {
        const lanes = started.map((each) => this.#openLane(context, each, partition));
        return { partition, lanes: (await Promise.all(lanes)).filter((lane) => lane !== null) };
      }),
    );
    if (this.#over.signal.aborted || this.#sealed) return offsets;
    for (const { partition, lanes } of opened) {
      if (lanes.length === 0) continue;
      for (const lane of lanes) this.#context.observer.held(lane.name, partition, lane.reached);
      offsets.set(partition, Math.min(...lanes.map((lane) => lane.reached.offset)));
      this.#pipelines.set(partition, new PartitionPipeline(context, partition, lanes));
    }
    const runs = this.pipelines.map((pipeline) => pipeline.run());
    this.#running = Promise.all(runs).catch((error) => this.#context.fail(error));
    return offsets;
  }

  async offer(partition: number, fetched: FetchedBatch): Promise<void> {
    // Nobody will write what comes after the seal, or what nobody hosts: held back, not fetched in a loop.
    if (this.#sealed || this.#pipelines.size === 0) return this.ended();
    await this.#pipelines.get(partition)?.offer(fetched);
  }

  /** Takes no more, and resolves when all that is queued is written, checkpointed and committed. */
  async drain(): Promise<void> {
    this.#sealed = true;
    for (const pipeline of this.#pipelines.values()) pipeline.seal();
    await this.#running;
    await this.#commits.flush();
  }

  /** Idempotent. */
  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    for (const { partition, lanes } of this.#pipelines.values()) {
      for (const lane of lanes) this.#context.observer.released(lane.name, partition);
    }
  }

  ended(): Promise<void> {
    return aborted(this.#over.signal);
  }

  async #load(hosted: Hosted): Promise<Started | null> {
    const { checkpoints } = this.#context;
    const load = () => checkpoints.load(readModelOf(hosted));
    const from = await this.#read(hosted, 'checkpoint-read', load);
    return from === null ? null : { hosted, from };
  }

  /** The checkpoint was read before: the letters are at least as new. */
  async #openLane(
    context: WriterContext,
    { hosted, from }: Started,
    partition: number,
  ): Promise<Lane | null> {
    const checkpoint = from.get(partition) ?? beginning;
    const origin = letterOriginOf(readModelOf(hosted), partition);
    const load = () => loadWaiting(context.letters, origin, checkpoint);
    const waiting = await this.#read(hosted, 'letters-read', load);
    return waiting === null ? null : new Lane(context, hosted, partition, checkpoint, waiting);
  }

  /** Null when the projection has stopped or the epoch is over. */
  async #read<T>(hosted: Hosted, operation: string, read: () => Promise<T>): Promise<T | null> {
    const { clock, random, settings, observer, logger, isStopped, stop } = this.#context;
    const { name } = hosted.projection;
    if (isStopped(name)) return null;
    try {
      const outcome = await untilDone(read, {
        clock,
        random,
        settings,
        over: this.#over.signal,
        onRetry: (error) => {
          observer.retried(operation);
          logger.warn({ projection: name, err: error }, error.message);
        },
      });
      return outcome.kind === 'over' ? null : outcome.value;
    } catch (thrown) {
      stop(name, thrown);
      return null;
    }
  }
}
