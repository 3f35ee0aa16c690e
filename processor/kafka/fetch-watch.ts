/**
 * Notices a consumer that has silently stopped fetching. Proof of life is progress: a record that
 * was fetched, or the broker's own word, asked over another connection than the fetches', that
 * there is none to fetch. A loop that runs and heartbeats that are answered prove nothing.
 *
 * Pure: kafkajs-consumer.ts brings the time and the answers, and ends the consumer.
 */
import { TurnstreamError } from '../error.ts';

export type FetchState = {
  /** The offset that the next fetch must be made at. */
  readonly next: number;
  /** Fetching pauses, since the application has enough to do. */
  readonly heldBack: boolean;
};

/** What the consumer is doing, as far as it concerns the watch. */
export type Watched =
  /** The application has the word: nothing is due from the broker. */
  | { readonly kind: 'application' }
  /** It asks the group for its place, or for the offsets where to begin. */
  | { readonly kind: 'joining' }
  | {
      readonly kind: 'reading';
      readonly epoch: number;
      readonly partitions: ReadonlyMap<number, FetchState>;
    };

type Proof = { readonly next: number; readonly atMs: number; readonly end: number | null };

export type Silence = {
  /** Null: it is the place in the group that does not come. */
  readonly partition: number | null;
  readonly next: number;
  /** Where the partition ends, as the broker said; null when it did not. */
  readonly end: number | null;
  readonly ms: number;
};

export class FetchWatch {
  readonly #silentMsMax: number;
  #proofs = new Map<number, Proof>();
  #epoch: number | null = null;
  #joiningSinceMs: number | null = null;

  constructor(silentMsMax: number) {
    this.#silentMsMax = silentMsMax;
  }

  /** To be called at short intervals. Answers the first silence that has lasted too long. */
  look(nowMs: number, watched: Watched): Silence | null {
    if (watched.kind !== 'reading') this.#forget();
    if (watched.kind !== 'joining') this.#joiningSinceMs = null;
    switch (watched.kind) {
      case 'application':
        return null;
      case 'joining':
        this.#joiningSinceMs ??= nowMs;
        return this.#tooLong(nowMs - this.#joiningSinceMs, { partition: null, next: 0, end: null });
      case 'reading':
        return this.#lookAt(nowMs, watched.epoch, watched.partitions);
    }
  }

  /** What the broker said to a question of `askedAtMs`. */
  answered(askedAtMs: number, epoch: number, ends: ReadonlyMap<number, number>): void {
    if (epoch !== this.#epoch) return;
    for (const [partition, end] of ends) {
      const proof = this.#proofs.get(partition);
      if (proof === undefined) continue;
      const atMs = proof.next >= end ? Math.max(proof.atMs, askedAtMs) : proof.atMs;
      this.#proofs.set(partition, { ...proof, end, atMs });
    }
  }

  #lookAt(
    nowMs: number,
    epoch: number,
    partitions: ReadonlyMap<number, FetchState>,
  ): Silence | null {
    if (epoch !== this.#epoch) this.#forget();
    this.#epoch = epoch;
    for (const [partition, { next, heldBack }] of partitions) {
      const proof = this.#proofs.get(partition);
      if (proof === undefined || heldBack || next !== proof.next) {
        this.#proofs.set(partition, { next, atMs: nowMs, end: proof?.end ?? null });
        continue;
      }
      const silence = this.#tooLong(nowMs - proof.atMs, { partition, next, end: proof.end });
      if (silence !== null) return silence;
    }
    return null;
  }

  #tooLong(ms: number, rest: Omit<Silence, 'ms'>): Silence | null {
    return ms > this.#silentMsMax ? { ...rest, ms } : null;
  }

  #forget(): void {
    this.#proofs = new Map();
    this.#epoch = null;
  }
}

export function stalledError(topic: string, group: string, silence: Silence): TurnstreamError {
  const { partition, next, end, ms } = silence;
  const seconds = (ms / 1000).toFixed(1);
  const what =
    partition === null
      ? `group ${group} has had no place for this consumer of ${topic} for ${seconds} s`
      : end !== null && end > next
        ? `nothing was fetched of partition ${partition} of ${topic} for ${seconds} s: it stands at offset ${next}, and the partition goes on to ${end}`
        : `nothing was fetched of partition ${partition} of ${topic} for ${seconds} s, and no broker says that there is nothing: it stands at offset ${next}`;
  return new TurnstreamError(
    'STALLED',
    `${what}; the consumer is closed, and opened again over new connections`,
    { retriable: true },
  );
}
