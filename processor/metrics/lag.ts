/**
 * The polled half of the lag metrics: where the topic ends, how far the group is, where Postgres
 * is and what the slot holds back. At bounded intervals, one poll at a time; a failure is counted,
 * logged when it starts and when it is over, and never ends the process.
 */
import type { Clock } from '../engine/clock.ts';
import { messageOf } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from './metrics.ts';
import type { PrimaryReport } from './primary.ts';
import type { Progress } from './progress.ts';

/** Of the one topic that the process reads, and its own group. */
export type LagSources = {
  readonly primary: () => Promise<PrimaryReport>;
  /** Next offset of each partition. */
  readonly endOffsets: () => Promise<readonly number[]>;
  /** The group's committed offsets, null where there is none. */
  readonly committedOffsets: () => Promise<readonly (number | null)[]>;
};

export type LagPollOptions = {
  readonly sources: LagSources;
  readonly metrics: Pick<Metrics, 'source'>;
  /** Partitions that this process holds. */
  readonly own: Progress;
  /** What the group as a whole has committed; its reader is `group`. */
  readonly group: Progress;
  readonly log: Logger;
};

export class LagPoll {
  readonly #options: LagPollOptions;
  readonly #failing = new Set<string>();

  constructor(options: LagPollOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async once(): Promise<void> {
    await Promise.all([
      this.#counted('postgres', () => this.#pollPrimary()),
      this.#counted('log', () => this.#pollLog()),
    ]);
  }

  /** Polls until the signal aborts. */
  async run(intervalMs: number, clock: Pick<Clock, 'delay'>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.once();
      await clock.delay(intervalMs, signal);
    }
  }

  async #pollPrimary(): Promise<void> {
    const { currentLsn, slot } = await this.#options.sources.primary();
    this.#options.metrics.source.primary(currentLsn);
    this.#options.metrics.source.slot(slot);
  }

  async #pollLog(): Promise<void> {
    const { sources, own, group } = this.#options;
    const [ends, committed] = await Promise.all([sources.endOffsets(), sources.committedOffsets()]);
    for (const { reader, partition } of own.held()) {
      const end = ends[partition];
      if (end !== undefined) own.end(reader, partition, end);
    }
    const known = new Set(group.held().map(({ partition }) => partition));
    for (const [partition, end] of ends.entries()) {
      const mark = { offset: committed[partition] ?? 0, watermark: null };
      if (known.has(partition)) group.advance('group', partition, mark);
      else group.hold('group', partition, mark);
      group.end('group', partition, end);
    }
  }

  async #counted(source: 'postgres' | 'log', poll: () => Promise<void>): Promise<void> {
    const { metrics, log } = this.#options;
    try {
      await poll();
      metrics.source.polled(source, 'ok');
      if (this.#failing.delete(source)) log.info({ source }, 'lag can be measured again');
    } catch (thrown) {
      metrics.source.polled(source, 'error');
      if (this.#failing.has(source)) return;
      this.#failing.add(source);
      log.warn(
        { source },
        `lag can't be measured, its metrics keep their values: ${messageOf(thrown)}`,
      );
    }
  }
}
