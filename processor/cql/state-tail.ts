/**
 * The tail of a container: which rows came in the same batch as its position, kept beside it in a
 * static column. A batch that reached one replica alone can be seen in its static columns and not in
 * its rows (decision 14): the tail says which rows to look for before the position is believed. Text
 * in the table: `[[position, [[kind, uid, idx, other, expires], …]], …]`, a group for each segment of
 * the batch, the last one at the container's position. Pure; state-segments.ts writes it,
 * state-store.ts reads.
 */
import { TurnstreamError } from '../error.ts';
import { stateKeyText } from '../sequencer/state-key.ts';
import type { StateKey, StateRow, StateRowKind } from '../sequencer/state-store.ts';
import type { DecodedRow } from './session.ts';

export type TailRow = StateKey & {
  readonly expires: boolean;
  /** The position of its segment: the write timestamp that it must have, or a later one. */
  readonly position: number;
};

export type Tail = { readonly position: number; readonly rows: readonly TailRow[] };

type Mark = [kind: StateRowKind, uid: string, idx: number, other: string, expires: 0 | 1];

/** The row in the text of its group. */
export function markOf({ kind, uid, idx, other, expires }: StateRow): string {
  const mark: Mark = [kind, uid, idx, other, expires ? 1 : 0];
  return JSON.stringify(mark);
}

export function groupOf(position: number, marks: readonly string[]): string {
  return `[${position},[${marks.join(',')}]]`;
}

export function tailText(groups: readonly string[]): string {
  return `[${groups.join(',')}]`;
}

/** Each row once, as its last segment has it. A container that has none is at -1. */
export function tailOf(text: unknown): Tail {
  if (typeof text !== 'string') return { position: -1, rows: [] };
  const groups = JSON.parse(text) as [position: number, marks: Mark[]][];
  const rows = new Map<string, TailRow>();
  for (const [position, marks] of groups) {
    for (const [kind, uid, idx, other, expires] of marks) {
      const row = { kind, uid, idx, other, expires: expires === 1, position };
      rows.set(stateKeyText(row), row);
    }
  }
  return { position: groups.at(-1)?.[0] ?? -1, rows: [...rows.values()] };
}

/**
 * The first row of the tail that is older than its segment among those found, with their write time
 * as `written`, or that is not there, unless it may have expired.
 */
export function lackingOf(tail: Tail, found: readonly DecodedRow[]): TailRow | undefined {
  const written = new Map<string, number>();
  for (const row of found) {
    const key: StateKey = {
      kind: String(row['kind']) as StateRowKind,
      uid: String(row['uid']),
      idx: Number(row['idx']),
      other: String(row['other']),
    };
    written.set(stateKeyText(key), Number(row['written'] ?? -1));
  }
  return tail.rows.find((row) => {
    const at = written.get(stateKeyText(row));
    return at === undefined ? !row.expires : at < row.position;
  });
}

export function notSettled(
  container: string,
  position: number,
  lacking: TailRow | null,
): TurnstreamError {
  const what =
    lacking === null
      ? 'the list of its last rows'
      : `its ${lacking.kind} row ${JSON.stringify([lacking.uid, lacking.idx, lacking.other])} of ${lacking.position}`;
  return new TurnstreamError(
    'STORE',
    `the state of ${container} is at ${position}, but the replicas that answered do not have ${what}: ` +
      'a former write reached others alone. It is worth another try, until one that has it answers',
    { retriable: true },
  );
}
