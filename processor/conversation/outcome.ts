/** What became of a change (I7), and of a column that it left alone. */
import { type TextColumn, unchanged } from '../source/row-change.ts';

/**
 * - applied: something changed.
 * - parked: a step whose turn is unknown was set aside until the turn comes.
 * - same: nothing differs from the state (a snapshot's row, an UPDATE without effect).
 * - stale: redelivered, its effect is in the state already or was overtaken.
 */
export type Outcome = 'applied' | 'parked' | 'same' | 'stale';

/** A column as it is after the change: an unchanged large value is what the state holds. */
export function textOf(column: TextColumn, former: string | null | undefined): string | null {
  return column === unchanged ? (former ?? null) : column;
}

/** What a tombstone keeps of a text: nothing, unless the row went on under another key. */
export function keptText(
  moment: { readonly isRekey?: boolean },
  former: string | null | undefined,
): string | null {
  return moment.isRekey === true ? (former ?? null) : null;
}
