/**
 * Commits the group's offsets of one epoch, all partitions in one request, at most once per
 * interval. Nobody resumes from them, checkpoints say where to go on; they follow the checkpoints,
 * show the group's lag to Kafka's own tools, and a refusal tells that the epoch is over.
 */
import { messageOf } from '../error.ts';
import type { CommitOutcome, OffsetCommit } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import type { Clock } from './clock.ts';

export type GroupCommitOptions = {
  readonly commit: (offsets: ReadonlyMap<number, OffsetCommit>) => Promise<CommitOutcome>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly over: AbortSignal;
  readonly onFenced: () => void;
  readonly logger: Logger;
};

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #noted = new Map<number, OffsetCommit>();
  #scheduled = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** The offset up to which the partition is checkpointed; committed within the interval. */
  note(partition: number, offset: number): void {
    this.#noted.set(partition, { offset });
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { clock, intervalMs, over } = this.#options;
    void clock.delay(intervalMs, over).then(() => {
      this.#scheduled = false;
      return this.flush();
    });
  }

  /** Commits what is noted now; never rejects: a commit that failed is made up by the next. */
  flush(): Promise<void> {
    this.#last = this.#last.then(() => this.#commit());
    return this.#last;
  }

  async #commit(): Promise<void> {
    const { commit, over, onFenced, logger } = this.#options;
    if (over.aborted || this.#noted.size === 0) return;
    const offsets = new Map(this.#noted);
    this.#noted.clear();
    try {
      if ((await commit(offsets)) === 'fenced') onFenced();
    } catch (thrown) {
      for (const [partition, offset] of offsets) {
        if (!this.#noted.has(partition)) this.#noted.set(partition, offset);
      }
      logger.warn(
        { err: thrown },
        `the group's offsets were not committed (${messageOf(thrown)}): the next commit makes up for it`,
      );
    }
  }
}
