/**
 * What a batch of events does to a read model (pure, hot). For every fact that an event changed it
 * takes f(before) and f(after) and keeps the difference, consolidated over the batch:
 *
 * - maps: one write per row, that of the newest position (`foldMap`). Inside one event a row that
 *   somebody has afterwards is written, whoever left it: upsert beats delete.
 * - aggregates: per key the net contribution of every event, in order (`foldAggregate`); applied to
 *   stored totals they skip, for that row alone, what the totals already hold (`applyDeltas`).
 *
 * An entry on which the projection function throws leaves nothing in the result; it is reported by
 * its index, and the others are as if it were not there. Inputs may be re-delivered in any batches
 * (I2): the writes carry positions, and the highest one wins. The engine (engine/) is the caller.
 */
import { TurnstreamError } from '../error.ts';
import type { ConversationEvent } from '../event/event.ts';
import type { Position } from '../source/position.ts';
import type { Cell } from './columns.ts';
import { keyTextOf } from './key-text.ts';
import type { AggregateProjection, Contribution, Key, MapProjection, Row } from './projection.ts';
import { Scratch } from './scratch.ts';

export type Entry = Pick<ConversationEvent, 'position' | 'changes'>;

/** The projection function threw `error` on `entries[entryIndex]`. */
export type EntryFailure = { readonly entryIndex: number; readonly error: unknown };

/** Assignable to the store's RowWrite. */
export type RowUpsert = {
  readonly op: 'upsert';
  readonly key: Key;
  readonly values: readonly Cell[];
  readonly position: Position;
};
export type RowDelete = { readonly op: 'delete'; readonly key: Key; readonly position: Position };

const noRows: readonly Row[] = [];

/** The writes of one projection, by the text of their row's key. */
export type RowBuffer = Map<string, RowUpsert | RowDelete>;

/**
 * Adds the entries' writes to `into`, which may hold those of other batches and other partitions:
 * the newest position wins, in any order of arrival.
 */
export function foldMap(
  projection: MapProjection,
  entries: readonly Entry[],
  into: RowBuffer,
): readonly EntryFailure[] {
  const failures: EntryFailure[] = [];
  const befores = new Scratch<readonly Row[]>();
  const afters = new Scratch<readonly Row[]>();
  for (let entryIndex = 0; entryIndex < entries.length; entryIndex += 1) {
    const entry = entries[entryIndex];
    if (entry === undefined) continue;
    befores.clear();
    afters.clear();
    // All of the entry before any of it is kept: a failure must leave nothing behind.
    try {
      for (const change of entry.changes) {
        if (!projection.of.includes(change.kind)) continue;
        befores.add(change.before === null ? noRows : projection.rows(change.before));
        afters.add(change.after === null ? noRows : projection.rows(change.after));
      }
    } catch (error) {
      failures.push({ entryIndex, error });
      continue;
    }
    for (let index = 0; index < afters.size; index += 1) {
      mergeRows(befores.at(index) ?? noRows, afters.at(index) ?? noRows, entry.position, into);
    }
  }
  return failures;
}

function mergeRows(
  before: readonly Row[],
  after: readonly Row[],
  position: Position,
  into: RowBuffer,
): void {
  for (const row of after) {
    const former = rowOfKey(before, row.key);
    if (former !== undefined && sameCells(former.values, row.values)) continue;
    const text = keyTextOf(row.key);
    const known = into.get(text);
    // At the same position: a delete of this very event, which the upsert beats.
    if (known !== undefined && known.position > position) continue;
    into.set(text, { op: 'upsert', key: row.key, values: row.values, position });
  }
  for (const row of before) {
    if (rowOfKey(after, row.key) !== undefined) continue;
    const text = keyTextOf(row.key);
    const known = into.get(text);
    if (known !== undefined && known.position >= position) continue;
    into.set(text, { op: 'delete', key: row.key, position });
  }
}

/** A fact has few rows, mostly one: looking at each is cheaper than an index of them. */
function rowOfKey(rows: readonly Row[], key: Key): Row | undefined {
  for (const row of rows) if (sameCells(row.key, key)) return row;
  return undefined;
}

function sameCells(one: readonly Cell[], other: readonly Cell[]): boolean {
  // From the end: what tells rows apart is mostly a uid or an index late in the key.
  for (let index = one.length - 1; index >= 0; index -= 1) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}

/** The net contributions to one key, event by event in rising positions; none of them all zeros. */
export type KeyDeltas = {
  readonly key: Key;
  readonly keyText: string;
  readonly positions: readonly Position[];
  /** Flat: as many numbers per position as the projection has totals. */
  readonly totals: readonly number[];
};

export type AggregateFold = {
  /** By `keyText`. */
  readonly deltas: ReadonlyMap<string, KeyDeltas>;
  readonly failures: readonly EntryFailure[];
};

/** Totals of one (key, shard), exact up to `position`. Assignable to the store's StoredTotals. */
export type ExactTotals = { readonly totals: readonly number[]; readonly position: Position };

type OpenDeltas = {
  readonly key: Key;
  readonly keyText: string;
  readonly positions: Position[];
  readonly totals: number[];
};

/**
 * Folds entries of one Kafka partition (= shard), whose positions rise strictly; throws LOG
 * otherwise, since a reader drops what it has taken before (DESIGN 3.2).
 */
export function foldAggregate(
  projection: AggregateProjection,
  entries: readonly Entry[],
): AggregateFold {
  const failures: EntryFailure[] = [];
  const deltas = new Map<string, OpenDeltas>();
  const touched = new Scratch<OpenDeltas>();
  const retractions = new Scratch<Contribution>();
  const additions = new Scratch<Contribution>();
  let last = -1;
  for (let entryIndex = 0; entryIndex < entries.length; entryIndex += 1) {
    const entry = entries[entryIndex];
    if (entry === undefined) continue;
    if (entry.position <= last) throw notRising(projection.name, entry.position, last);
    last = entry.position;
    retractions.clear();
    additions.clear();
    try {
      for (const change of entry.changes) {
        if (!projection.of.includes(change.kind)) continue;
        if (change.before !== null) retractions.addAll(projection.contribute(change.before));
        if (change.after !== null) additions.addAll(projection.contribute(change.after));
      }
    } catch (error) {
      failures.push({ entryIndex, error });
      continue;
    }
    cancel(retractions, additions);
    addEach(deltas, touched, retractions, -1, entry.position);
    addEach(deltas, touched, additions, 1, entry.position);
    settle(deltas, touched);
  }
  return { deltas, failures };
}

/** Takes out the pairs that are equal: most of what a neighbour's change leaves as it was. */
function cancel(retractions: Scratch<Contribution>, additions: Scratch<Contribution>): void {
  for (let index = retractions.size - 1; index >= 0; index -= 1) {
    const twin = twinOf(retractions.at(index), additions);
    if (twin < 0) continue;
    retractions.remove(index);
    additions.remove(twin);
  }
}

function twinOf(one: Contribution | undefined, among: Scratch<Contribution>): number {
  for (let index = 0; one !== undefined && index < among.size; index += 1) {
    const other = among.at(index);
    if (other === undefined) break;
    if (sameCells(one.key, other.key) && sameCells(one.totals, other.totals)) return index;
  }
  return -1;
}

function addEach(
  deltas: Map<string, OpenDeltas>,
  touched: Scratch<OpenDeltas>,
  contributions: Scratch<Contribution>,
  sign: 1 | -1,
  position: Position,
): void {
  for (let index = 0; index < contributions.size; index += 1) {
    const one = contributions.at(index);
    if (one !== undefined) add(deltas, touched, one, sign, position);
  }
}

function add(
  deltas: Map<string, OpenDeltas>,
  touched: Scratch<OpenDeltas>,
  contribution: Contribution,
  sign: 1 | -1,
  position: Position,
): void {
  const keyText = keyTextOf(contribution.key);
  const width = contribution.totals.length;
  let open = deltas.get(keyText);
  if (open === undefined) {
    // Of their length: most keys have one contribution, and a list that grows has room for many more.
    const totals = new Array<number>(width).fill(0);
    open = { key: contribution.key, keyText, positions: [position], totals };
    deltas.set(keyText, open);
    touched.add(open);
  } else if (open.positions.at(-1) !== position) {
    open.positions.push(position);
    for (let index = 0; index < width; index += 1) open.totals.push(0);
    touched.add(open);
  }
  const start = open.totals.length - width;
  for (let index = 0; index < width; index += 1) {
    open.totals[start + index] =
      (open.totals[start + index] ?? 0) + sign * (contribution.totals[index] ?? 0);
  }
}

/** Ends an entry: a key whose net contribution is zero was not touched by it. */
function settle(deltas: Map<string, OpenDeltas>, touched: Scratch<OpenDeltas>): void {
  for (let at = 0; at < touched.size; at += 1) {
    const open = touched.at(at);
    if (open === undefined) continue;
    const width = open.totals.length / open.positions.length;
    let zero = true;
    for (let index = open.totals.length - width; index < open.totals.length; index += 1) {
      if (open.totals[index] !== 0) zero = false;
    }
    if (!zero) continue;
    open.positions.pop();
    open.totals.length -= width;
    if (open.positions.length === 0) deltas.delete(open.keyText);
  }
  touched.clear();
}

/**
 * The totals after the deltas, or null when the stored ones hold them all. `stored` is null where
 * there is no row. Totals that come out as zeros are to be written all the same: without their
 * position, a late write of a former owner would stand (DESIGN 3.4). Throws LIMIT when a total
 * leaves the safe integers, beyond which sums are no longer exact.
 */
export function applyDeltas(stored: ExactTotals | null, deltas: KeyDeltas): ExactTotals | null {
  const { positions, totals: flat } = deltas;
  const last = positions.at(-1);
  if (last === undefined || (stored !== null && last <= stored.position)) return null;
  const width = flat.length / positions.length;
  const totals = stored === null ? new Array<number>(width).fill(0) : [...stored.totals];
  for (let index = 0; index < positions.length; index += 1) {
    if (stored !== null && (positions[index] ?? 0) <= stored.position) continue;
    for (let column = 0; column < width; column += 1) {
      totals[column] = (totals[column] ?? 0) + (flat[index * width + column] ?? 0);
    }
  }
  if (!totals.every(Number.isSafeInteger)) {
    throw new TurnstreamError(
      'LIMIT',
      `totals of the key [${deltas.key.join(', ')}] at position ${last} left the exact integers; ` +
        'give the projection finer keys or a coarser unit, and raise its version',
    );
  }
  return { totals, position: last };
}

/**
 * The same contributions as one at the last position: for totals of which none is stored beyond the first
 * (applyDeltas would skip what they hold already). Of one key, in rising positions.
 */
export function addedUp(all: readonly KeyDeltas[]): KeyDeltas {
  const [first, ...others] = all;
  if (first === undefined) throw new RangeError('nothing to add up');
  if (others.length === 0 && first.positions.length === 1) return first;
  const last = all.at(-1)?.positions.at(-1) ?? (0 as Position);
  const width = first.totals.length / first.positions.length;
  const totals = new Array<number>(width).fill(0);
  for (const { totals: flat } of all) {
    for (let at = 0; at < flat.length; at += 1) {
      totals[at % width] = (totals[at % width] ?? 0) + (flat[at] ?? 0);
    }
  }
  return { key: first.key, keyText: first.keyText, positions: [last], totals };
}

function notRising(projection: string, position: number, last: number): TurnstreamError {
  return new TurnstreamError(
    'LOG',
    `projection ${projection}: an entry of position ${position} came after one of ${last}; ` +
      'pass the entries of one partition in order and drop those that were taken before',
  );
}
