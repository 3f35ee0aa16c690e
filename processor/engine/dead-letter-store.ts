/**
 * The port to what was set aside: a row for each dead letter, which says where it is and what became of
 * it. The letter itself, with its bytes, is in the topic (dead-letter.ts). A worker writes the row before
 * the rows of the same batch, so that everybody who sees these knows what is missing in them (I1), and
 * marks what became of a retry before it writes the rows of that.
 *
 * Timestamps are positions, as everywhere: writing again is writing once (I2). cql/ implements it,
 * memory-letters.ts too; both keep dead-letter-store.contract.ts.
 */
import type { ReadModel } from './store.ts';

/** Who set it aside, in which partition of what it reads. */
export type LetterOrigin = {
  /** A projection's name, or `sequencer`. */
  readonly origin: string;
  readonly version: number;
  readonly generation: number;
  readonly partition: number;
};

/** The sequencer has no version and no generation, and reads one partition. */
export const sequencerOrigin: LetterOrigin = {
  origin: 'sequencer',
  version: 0,
  generation: 0,
  partition: 0,
};

export type NewLetter = {
  readonly offset: number;
  /** Null for a record that does not decode. */
  readonly position: number | null;
  /** Position of the last entry taken before it: the write timestamp of one without a position. */
  readonly after: number;
  readonly eventType: string | null;
  readonly sessionUid: string | null;
  readonly error: string;
  readonly atMs: number;
};

export type StoredLetter = Omit<NewLetter, 'after'> & {
  /** Retries that failed, the position of the last of them and its error. */
  readonly tries: number;
  readonly triedAt: number | null;
  readonly triedError: string | null;
  /** Position of the retry that took it; null when none has. */
  readonly retriedAt: number | null;
  /** Position at which somebody said that it will never be taken; null when nobody has. */
  readonly discardedAt: number | null;
};

export type Decision =
  | { readonly kind: 'retried' | 'discarded'; readonly position: number }
  | {
      readonly kind: 'failed';
      readonly position: number;
      readonly tries: number;
      readonly error: string;
    };

export interface DeadLetterStore {
  /** Resolves when all are durable; any part may be when it rejects (STORE, as the other stores). */
  add(origin: LetterOrigin, letters: readonly NewLetter[]): Promise<void>;
  /** A `retried` or `discarded` of any position stands above what failed. */
  decide(origin: LetterOrigin, offset: number, decision: Decision): Promise<void>;
  read(origin: LetterOrigin, offset: number): Promise<StoredLetter | null>;
  /** All of an origin, in the order of their offsets, page by page. */
  pages(origin: LetterOrigin): AsyncIterable<readonly StoredLetter[]>;
}

type Fate = Pick<StoredLetter, 'retriedAt' | 'discardedAt'>;

/** Where it was taken or discarded; the first place counts. Null while it waits. */
export function settledAt({ retriedAt, discardedAt }: Fate): number | null {
  if (retriedAt === null || discardedAt === null) return retriedAt ?? discardedAt;
  return Math.min(retriedAt, discardedAt);
}

export function fateOf(letter: Fate): 'waits' | 'retried' | 'discarded' {
  const settled = settledAt(letter);
  if (settled === null) return 'waits';
  return settled === letter.discardedAt ? 'discarded' : 'retried';
}

export function letterOriginOf({ shape, generation }: ReadModel, partition: number): LetterOrigin {
  return { origin: shape.projection, version: shape.version, generation, partition };
}
