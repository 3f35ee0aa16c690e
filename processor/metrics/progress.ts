/**
 * How far this process has come in the partitions that it holds: what the lag and staleness metrics
 * and the liveness check are computed from. Progress is a checkpoint that moves, measured against
 * the end of the partition; a loop that runs is none.
 *
 * The readers (worker, sequencer) report; metrics.ts and health.ts look. Pure but for the clock,
 * which is passed in.
 */
import type { Instant } from '../source/instant.ts';
import type { Lsn } from '../source/lsn.ts';

export type WatermarkMark = { readonly lsn: Lsn; readonly committedAt: Instant };

/** The part of a checkpoint that matters here: offset of the next record to read. */
export type Mark = {
  readonly offset: number;
  readonly watermark: WatermarkMark | null;
  /** Those that wait, as far as the reader counts them there. */
  readonly deadLetters?: number;
};

export type HeldPartition = Mark & {
  /** A projection's name, or `sequencer`. */
  readonly reader: string;
  readonly partition: number;
  /** The offset that the next record appended will have; null until somebody said so. */
  readonly endOffset: number | null;
  /** Since when there has been something to read without the checkpoint moving; null when up to date. */
  readonly waitingSinceMs: number | null;
};

export class Progress {
  readonly #held = new Map<string, HeldPartition>();
  /** Released, and not known to be anybody else's: between two assignments, or without any broker. */
  readonly #between = new Map<string, HeldPartition>();
  readonly #nowMs: () => number;
  readonly #markersMax: number;

  /**
   * `markersMax`: how many offsets at the end of a partition may be Kafka's own transaction markers,
   * which no reader ever sees; being so little behind is not waiting.
   */
  constructor(nowMs: () => number, markersMax = 0) {
    this.#nowMs = nowMs;
    this.#markersMax = markersMax;
  }

  /** The reader now owns the partition and goes on from the mark. */
  hold(reader: string, partition: number, mark: Mark): void {
    const held = { ...mark, reader, partition, endOffset: null, waitingSinceMs: null };
    this.#held.set(keyOf(reader, partition), held);
    this.#between.delete(keyOf(reader, partition));
  }

  /** The mark is durable now. Ignored for a partition that is not held any more. */
  advance(reader: string, partition: number, mark: Mark): void {
    const held = this.#held.get(keyOf(reader, partition));
    if (held === undefined) return;
    const moved = mark.offset > held.offset;
    const waitingSinceMs = moved ? this.#waiting(mark.offset, held.endOffset) : held.waitingSinceMs;
    const watermark = mark.watermark ?? held.watermark;
    this.#held.set(keyOf(reader, partition), { ...held, ...mark, watermark, waitingSinceMs });
  }

  lettersWaiting(reader: string, partition: number, deadLetters: number): void {
    const held = this.#held.get(keyOf(reader, partition));
    if (held !== undefined) this.#held.set(keyOf(reader, partition), { ...held, deadLetters });
  }

  /** The partition ends there, as a fetch or a poll says. */
  end(reader: string, partition: number, endOffset: number): void {
    const held = this.#held.get(keyOf(reader, partition));
    if (held === undefined) return;
    const now = this.#waiting(held.offset, endOffset);
    const waitingSinceMs = now === null ? null : (held.waitingSinceMs ?? now);
    this.#held.set(keyOf(reader, partition), { ...held, endOffset, waitingSinceMs });
  }

  /** The reader owns the partition no longer. */
  release(reader: string, partition: number): void {
    const key = keyOf(reader, partition);
    const held = this.#held.get(key);
    if (held !== undefined) this.#between.set(key, held);
    this.#held.delete(key);
  }

  /** An assignment: what is not among these partitions is for others to report. */
  assigned(partitions: readonly number[]): void {
    for (const [key, { partition }] of this.#between) {
      if (!partitions.includes(partition)) this.#between.delete(key);
    }
  }

  /** Others are to report the reader, whatever this process had of it. */
  forget(reader: string): void {
    for (const known of [this.#held, this.#between]) {
      for (const [key, held] of known) if (held.reader === reader) known.delete(key);
    }
  }

  held(): readonly HeldPartition[] {
    return [...this.#held.values()];
  }

  /**
   * Also what was held last, until somebody has the partition again: a read model does not become
   * fresher by its worker losing the broker.
   */
  reported(): readonly HeldPartition[] {
    return [...this.#held.values(), ...this.#between.values()];
  }

  /** Partitions with something to read whose checkpoint has not moved for longer than that. */
  stalled(stalledMsMax: number): readonly HeldPartition[] {
    const nowMs = this.#nowMs();
    return this.held().filter(
      ({ waitingSinceMs }) => waitingSinceMs !== null && nowMs - waitingSinceMs > stalledMsMax,
    );
  }

  #waiting(offset: number, endOffset: number | null): number | null {
    const caughtUp = endOffset === null || offset + this.#markersMax >= endOffset;
    return caughtUp ? null : this.#nowMs();
  }
}

function keyOf(reader: string, partition: number): string {
  return `${partition}/${reader}`;
}
