/**
 * What a retry in the log means for a lane (DESIGN 3.5), worked out without any I/O. The letter is
 * evaluated once more, at the retry's place in the log:
 *
 * - a map's rows carry the position of the original event, so that whatever came later wins;
 * - an aggregate's contribution is a change at the retry's own position, since totals say up to which
 *   position they are exact and those of the letter's position are long beyond it.
 *
 * What comes out is decided once: the decision is durable before a row of it is written, and a retry
 * that comes again finds it (I2).
 */
import { messageOf } from '../error.ts';
import type { LogEntry, Retry } from '../event/event.ts';
import { foldAggregate, foldMap, type KeyDeltas, type RowBuffer } from '../projection/changes.ts';
import type { Projection } from '../projection/projection.ts';
import { settledAt } from './dead-letter-store.ts';
import type { WaitingLetter } from './waiting-letters.ts';

export type RetryPlan =
  /** Not the lane's, or done, or known to have failed. */
  | { readonly kind: 'skip' }
  /** `isDecided`: it was evaluated before, by whoever took it at this very place. */
  | { readonly kind: 'evaluate'; readonly letter: WaitingLetter; readonly isDecided: boolean }
  /** Nobody wants it any more: it goes, and leaves nothing. */
  | { readonly kind: 'discard'; readonly letter: WaitingLetter; readonly isDecided: boolean };

export function planOf(retry: Retry, letter: WaitingLetter | undefined): RetryPlan {
  if (letter === undefined) return { kind: 'skip' };
  const { retriedAt, discardedAt, triedAt } = letter;
  if (settledAt(letter) !== null) {
    const settledHere = retry.discard ? discardedAt : retriedAt;
    if (settledHere !== retry.position) return { kind: 'skip' };
    return { kind: retry.discard ? 'discard' : 'evaluate', letter, isDecided: true };
  }
  if (retry.discard) return { kind: 'discard', letter, isDecided: false };
  if (triedAt !== null && triedAt >= retry.position) return { kind: 'skip' };
  return { kind: 'evaluate', letter, isDecided: false };
}

export type Evaluated =
  | { readonly kind: 'rows'; readonly rows: RowBuffer }
  | { readonly kind: 'deltas'; readonly deltas: ReadonlyMap<string, KeyDeltas> }
  | { readonly kind: 'failed'; readonly error: string };

export type EvaluateOptions = {
  readonly decode: (value: Buffer) => LogEntry;
  readonly nowMs: number;
  /** A map's letters older than this are refused. */
  readonly retryAgeMsMax: number;
  /** More letters are listed than the checkpoint has counted (WaitingLetters.countBelow). */
  readonly isBeyond: boolean;
};

const nothing: Evaluated = { kind: 'rows', rows: new Map() };

/** Never throws. */
export function evaluate(
  projection: Projection,
  retry: Retry,
  letter: WaitingLetter,
  options: EvaluateOptions,
): Evaluated {
  const refused = refusalOf(projection, letter, options);
  if (refused !== null) return { kind: 'failed', error: refused };
  try {
    const entry = options.decode(retry.value);
    if (entry.kind !== 'event') return nothing;
    if (letter.position !== null && entry.position !== letter.position) {
      const error = `the record holds the event at ${entry.position}, the letter is of ${letter.position}`;
      return { kind: 'failed', error };
    }
    if (projection.kind === 'map') {
      const rows: RowBuffer = new Map();
      const [failure] = foldMap(projection, [entry], rows);
      if (failure !== undefined) throw failure.error;
      return { kind: 'rows', rows };
    }
    const again = { position: retry.position, changes: entry.changes };
    const { deltas, failures } = foldAggregate(projection, [again]);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    return { kind: 'deltas', deltas };
  } catch (thrown) {
    return { kind: 'failed', error: messageOf(thrown) };
  }
}

const msPerDay = 86_400_000;

/** Why this letter can't be brought in any more, whatever the function says. */
function refusalOf(
  projection: Projection,
  letter: WaitingLetter,
  { nowMs, retryAgeMsMax, isBeyond }: EvaluateOptions,
): string | null {
  if (projection.kind === 'map') {
    if (nowMs - letter.atMs <= retryAgeMsMax) return null;
    const days = Math.floor(retryAgeMsMax / msPerDay);
    return `it is older than ${days} days: tombstones of later deletes may be purged, and its rows would come back for good; replay the read model`;
  }
  if (letter.position === null) {
    return 'it did not decode when it was set aside, and whether the same event came once more cannot be told: totals could count it twice; replay the read model';
  }
  if (isBeyond) {
    return 'the list names more letters than the checkpoint has counted: one of them may be in the totals already; replay the read model';
  }
  return null;
}
