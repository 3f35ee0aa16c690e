/**
 * What the log did to one read model after the snapshot, from the tail of `events`. Rows of a map that it
 * touched are in flux: they are compared again with a later snapshot. Totals need no such patience, since what was
 * added after the snapshot is known and taken off. Bounded (I10): beyond that many keys nothing more is kept, and
 * `overflows` says that what changes cannot be told from what is wrong.
 */
import type { ConversationEvent } from '../event/event.ts';
import { foldAggregate, foldMap, type RowBuffer } from '../projection/changes.ts';
import { keyTextOf } from '../projection/key-text.ts';
import type { Key, MapProjection, Projection } from '../projection/projection.ts';
import { absent, rowHash, type State, shardKeyText } from './sums.ts';

export type TouchedRow = {
  readonly key: Key;
  /** Whose events touched it. */
  readonly sessions: Set<string>;
  /** As it was before the first of them, then after each. */
  readonly states: State[];
};

/** What was added to one (key, shard) after the snapshot, in rising positions. */
export type TouchedTotals = {
  readonly positions: number[];
  readonly totals: (readonly number[])[];
};

/** A row that changes all the time; more of its states than that explain nothing. */
const statesMax = 64;

export class Touched {
  readonly rows = new Map<string, TouchedRow>();
  /** By shardKeyText. */
  readonly totals = new Map<string, TouchedTotals>();
  readonly #projection: Projection;
  readonly #keysMax: number;
  #overflows = false;

  constructor(projection: Projection, keysMax: number) {
    this.#projection = projection;
    this.#keysMax = keysMax;
  }

  get overflows(): boolean {
    return this.#overflows;
  }

  /** An event that its function throws on is a dead letter: it touches nothing. */
  add(event: ConversationEvent, shard: number): void {
    const projection = this.#projection;
    if (!event.changes.some(({ kind }) => projection.of.includes(kind))) return;
    if (projection.kind === 'map') {
      this.#addRows(projection, event);
      return;
    }
    for (const { key, totals, positions } of foldAggregate(projection, [event]).deltas.values()) {
      const text = shardKeyText(key, shard);
      const known = this.totals.get(text) ?? this.#open(this.totals, text, noTotals());
      known?.positions.push(...positions);
      known?.totals.push(totals);
    }
  }

  #addRows(projection: MapProjection, event: ConversationEvent): void {
    const writes: RowBuffer = new Map();
    if (foldMap(projection, [event], writes).length > 0) return;
    let before: ReadonlyMap<string, State> | null = null;
    for (const [text, write] of writes) {
      let row = this.rows.get(text);
      if (row === undefined) {
        before ??= statesBefore(projection, event);
        const states = [before.get(text) ?? absent];
        row = this.#open(this.rows, text, { key: write.key, sessions: new Set(), states });
        if (row === undefined) return;
      }
      row.sessions.add(event.sessionUid);
      if (row.states.length < statesMax) {
        row.states.push(
          write.op === 'delete' ? absent : { rows: 1, ...rowHash(text, write.values) },
        );
      }
    }
  }

  #open<T>(into: Map<string, T>, text: string, entry: T): T | undefined {
    if (into.size >= this.#keysMax) {
      this.#overflows = true;
      return undefined;
    }
    into.set(text, entry);
    return entry;
  }
}

function noTotals(): TouchedTotals {
  return { positions: [], totals: [] };
}

function statesBefore(
  projection: MapProjection,
  event: ConversationEvent,
): ReadonlyMap<string, State> {
  const states = new Map<string, State>();
  for (const { kind, before } of event.changes) {
    if (before === null || !projection.of.includes(kind)) continue;
    for (const row of projection.rows(before)) {
      const text = keyTextOf(row.key);
      states.set(text, { rows: 1, ...rowHash(text, row.values) });
    }
  }
  return states;
}

/** What was added at or below the position, column by column. */
export function addedUpTo(
  touched: TouchedTotals | undefined,
  position: number,
  width: number,
): number[] {
  const sum = new Array<number>(width).fill(0);
  touched?.positions.forEach((at, index) => {
    if (at > position) return;
    const totals = touched.totals[index] ?? [];
    for (let column = 0; column < width; column += 1) {
      sum[column] = (sum[column] ?? 0) + (totals[column] ?? 0);
    }
  });
  return sum;
}
