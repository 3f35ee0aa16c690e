/**
 * What a lane knows of its dead letters: those that wait, by the offset of their record. Loaded when the
 * lane is opened, kept in step with what it sets aside and retries; bounded, since a projection with too
 * many of them stops (I10). Letters below the checkpoint are looked up by retries alone; one at or above
 * it comes again, and is set aside again without a look at the function (I2).
 */

import type { DeadLetter } from './dead-letter.ts';
import {
  type DeadLetterStore,
  type LetterOrigin,
  type StoredLetter,
  settledAt,
} from './dead-letter-store.ts';
import type { Checkpoint } from './store.ts';

export type WaitingLetter = Pick<
  StoredLetter,
  'offset' | 'position' | 'atMs' | 'tries' | 'triedAt' | 'retriedAt' | 'discardedAt'
>;

export class WaitingLetters {
  readonly #byOffset = new Map<number, WaitingLetter>();

  get(offset: number): WaitingLetter | undefined {
    return this.#byOffset.get(offset);
  }

  put(letter: WaitingLetter): void {
    this.#byOffset.set(letter.offset, letter);
  }

  forget(offset: number): void {
    this.#byOffset.delete(offset);
  }

  get size(): number {
    return this.#byOffset.size;
  }

  /**
   * How many of them are below the offset. Never fewer than the checkpoint there has counted (I1). One
   * more was written by a former owner that never heard of it, and the next one took the event: which
   * of them that is, nobody can tell.
   */
  countBelow(offset: number): number {
    let count = 0;
    for (const letter of this.#byOffset.values()) if (letter.offset < offset) count += 1;
    return count;
  }
}

/** Those that wait as of the checkpoint: a retry or a discard behind it comes again. */
export async function loadWaiting(
  store: Pick<DeadLetterStore, 'pages'>,
  origin: LetterOrigin,
  { position }: Checkpoint,
): Promise<WaitingLetters> {
  const waiting = new WaitingLetters();
  for await (const page of store.pages(origin)) {
    for (const letter of page) {
      const settled = settledAt(letter);
      if (settled !== null && settled <= position) continue;
      const { offset, position: at, atMs, tries, triedAt, retriedAt, discardedAt } = letter;
      waiting.put({ offset, position: at, atMs, tries, triedAt, retriedAt, discardedAt });
    }
  }
  return waiting;
}

export function waitingLetterOf({ offset, position }: DeadLetter, atMs: number): WaitingLetter {
  const fate = { tries: 0, triedAt: null, retriedAt: null, discardedAt: null };
  return { offset, position, atMs, ...fate };
}
