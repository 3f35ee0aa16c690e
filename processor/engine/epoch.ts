/**
 * One assignment of partitions to a worker, from its checkpoints to its end. Everything that a
 * worker remembers lives in an epoch and ends with it. What is still being written when it ends
 * may arrive later: it carries its positions and does no harm (I6); its checkpoints are not saved.
 */
import { setMaxListeners } from 'node:events';
import type { CommitOutcome, FetchedBatch, OffsetCommit } from '../kafka/log.ts';
import { GroupCommit } from './group-commit.ts';
import { Lane } from './lane.ts';
import { beginning } from './lane-batch.ts';
import { PartitionPipeline, type PipelineContext } from './partition-pipeline.ts';
import { untilDone } from './retry.ts';
import type { Checkpoint } from './store.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

export type EpochContext = Omit<PipelineContext, 'over' | 'checkpointed'> & {
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
    const context: PipelineContext = {
      ...this.#context,
      over: this.#over.signal,
      checkpointed: (partition, offset) => this.#commits.note(partition, offset),
    };
    for (const partition of partitions) {
      const lanes = started.map(({ hosted, from }) => {
        const checkpoint = from.get(partition) ?? beginning;
        return new Lane(context, hosted, partition, checkpoint);
      });
      for (const lane of lanes) this.#context.observer.held(lane.name, partition, lane.reached);
      offsets.set(partition, Math.min(...lanes.map((lane) => lane.reached.offset)));
      this.#pipelines.set(partition, new PartitionPipeline(context, partition, lanes));
    }
    const runs = this.pipelines.map((pipeline) => pipeline.run());
    this.#running = Promise.all(runs).catch((error) => this.#context.fail(error));
    return offsets;
  }

  async offer(partition: number, fetched: FetchedBatch): Promise<void> {
    // Nobody will write what comes after the seal: held back, so that it is not fetched in a loop.
    if (this.#sealed) return this.ended();
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
    const { signal } = this.#over;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Null when the projection has stopped or the epoch is over. */
  async #load(hosted: Hosted): Promise<Started | null> {
    const { checkpoints, clock, random, settings, observer, logger, isStopped, stop } =
      this.#context;
    const { name } = hosted.projection;
    if (isStopped(name)) return null;
    try {
      const outcome = await untilDone(() => checkpoints.load(readModelOf(hosted)), {
        clock,
        random,
        settings,
        over: this.#over.signal,
        onRetry: (error) => {
          observer.retried('checkpoint-read');
          logger.warn({ projection: name, err: error }, error.message);
        },
      });
      return outcome.kind === 'over' ? null : { hosted, from: outcome.value };
    } catch (thrown) {
      stop(name, thrown);
      return null;
    }
  }
}
