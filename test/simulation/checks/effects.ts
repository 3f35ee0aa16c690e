/**
 * What each event means for each projection, worked out from the definitions alone and apart from the
 * engine's own fold (processor/projection/changes.ts), which it is to be compared with: for a map the
 * rows that the event touches with what they are afterwards, for an aggregate the totals of the keys
 * that it touches, exact up to it. Events come in the order in which readers take them, partition by
 * partition, each once.
 */
import type { Fact } from '../../../processor/conversation/fact.ts';
import { tableName } from '../../../processor/cql/names.ts';
import { type Hosted, readModelOf } from '../../../processor/engine/worker-settings.ts';
import { messageOf } from '../../../processor/error.ts';
import type { ConversationEvent } from '../../../processor/event/event.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import type { Key, Projection } from '../../../processor/projection/projection.ts';
import { sameCells } from './check.ts';

/** One row after one event. */
export type RowEffect = {
  readonly key: Key;
  /** Null: it is deleted. Of an aggregate: the shard's totals up to the event. */
  readonly values: readonly Cell[] | null;
  /** Whether the event made a difference: only then must it be written. */
  readonly changes: boolean;
};

export type EventEffect = {
  readonly event: ConversationEvent;
  readonly partition: number;
  /** By key text. */
  readonly rows: ReadonlyMap<string, RowEffect>;
  /** What the projection's function threw: the event leaves nothing. */
  readonly error: string | null;
};

type Owned = { readonly key: Key; readonly text: string; readonly values: readonly Cell[] };

const none: ReadonlyMap<string, RowEffect> = new Map();

/** All that the events of the log mean for one read model. */
export class ModelEffects {
  readonly projection: Projection;
  readonly #byPosition = new Map<number, EventEffect>();
  readonly #byPartition: readonly EventEffect[][];
  /** By key text and partition, the newest position at which a row was touched. */
  readonly #touched = new Map<string, { readonly key: Key; readonly newest: number[] }>();
  /** Of an aggregate: by `<shard>/<key text>`. */
  readonly #totals = new Map<string, readonly number[]>();
  readonly #halted = new Set<number>();
  /** A fact is the `after` of one event and the `before` of another. */
  readonly #known = new WeakMap<Fact, readonly Owned[]>();
  /** The most rows that one event touched. */
  rowsOfEventMax = 0;

  constructor(projection: Projection, partitions: number) {
    this.projection = projection;
    this.#byPartition = Array.from({ length: partitions }, () => []);
  }

  at(position: number): EventEffect | undefined {
    return this.#byPosition.get(position);
  }

  /** Those that concern the projection, in the order of their positions. */
  ofPartition(partition: number): readonly EventEffect[] {
    return this.#byPartition[partition] ?? [];
  }

  /** Every row that was ever touched: by partition the newest position, -1 for never. */
  touched(): ReadonlyMap<string, { readonly key: Key; readonly newest: readonly number[] }> {
    return this.#touched;
  }

  take(partition: number, event: ConversationEvent): void {
    const { projection } = this;
    if (this.#halted.has(partition)) return;
    if (!event.changes.some(({ kind }) => projection.of.includes(kind))) return;
    let rows = none;
    let error: string | null = null;
    try {
      rows = projection.kind === 'map' ? this.#ofMap(event) : this.#ofAggregate(partition, event);
    } catch (thrown) {
      error = messageOf(thrown);
      if (projection.onError === 'halt') this.#halted.add(partition);
    }
    const effect = { event, partition, rows, error };
    this.#byPosition.set(event.position, effect);
    this.#byPartition[partition]?.push(effect);
    this.rowsOfEventMax = Math.max(this.rowsOfEventMax, rows.size);
    for (const [text, { key }] of rows) this.#touch(text, key, partition, event.position);
  }

  #touch(text: string, key: Key, partition: number, position: number): void {
    let touched = this.#touched.get(text);
    if (touched === undefined) {
      touched = { key, newest: this.#byPartition.map(() => -1) };
      this.#touched.set(text, touched);
    }
    touched.newest[partition] = position;
  }

  #ofMap(event: ConversationEvent): ReadonlyMap<string, RowEffect> {
    const before = new Map<string, Owned>();
    const after = new Map<string, Owned>();
    for (const change of event.changes) {
      if (!this.projection.of.includes(change.kind)) continue;
      for (const row of this.#owned(change.before)) before.set(row.text, row);
      for (const row of this.#owned(change.after)) after.set(row.text, row);
    }
    const rows = new Map<string, RowEffect>();
    for (const [text, { key }] of before) {
      if (!after.has(text)) rows.set(text, { key, values: null, changes: true });
    }
    for (const [text, { key, values }] of after) {
      const former = before.get(text);
      const changes = former === undefined || !sameCells(former.values, values);
      rows.set(text, { key, values, changes });
    }
    return rows;
  }

  #ofAggregate(partition: number, event: ConversationEvent): ReadonlyMap<string, RowEffect> {
    const sums: Sums = new Map();
    // All of it before any is kept: an event that fails leaves nothing.
    for (const change of event.changes) {
      if (!this.projection.of.includes(change.kind)) continue;
      addTo(sums, this.#owned(change.before), -1);
      addTo(sums, this.#owned(change.after), 1);
    }
    const rows = new Map<string, RowEffect>();
    for (const [text, { key, delta }] of sums) {
      const id = `${partition}/${text}`;
      const former = this.#totals.get(id);
      const totals: number[] = [];
      let changes = false;
      for (let at = 0; at < delta.length; at += 1) {
        const one = delta[at] ?? 0;
        totals.push((former?.[at] ?? 0) + one);
        if (one !== 0) changes = true;
      }
      this.#totals.set(id, totals);
      rows.set(text, { key, values: totals, changes });
    }
    return rows;
  }

  #owned(fact: Fact | null): readonly Owned[] {
    if (fact === null) return [];
    let owned = this.#known.get(fact);
    if (owned === undefined) {
      owned = ownedBy(this.projection, fact);
      this.#known.set(fact, owned);
    }
    return owned;
  }
}

type Sums = Map<string, { readonly key: Key; readonly delta: number[] }>;

function addTo(sums: Sums, owned: readonly Owned[], sign: 1 | -1): void {
  for (const { key, text, values } of owned) {
    let sum = sums.get(text);
    if (sum === undefined) {
      sum = { key, delta: values.map(() => 0) };
      sums.set(text, sum);
    }
    for (let at = 0; at < values.length; at += 1) {
      sum.delta[at] = (sum.delta[at] ?? 0) + sign * Number(values[at]);
    }
  }
}

/** f(fact): rows, or contributions with their totals as values. */
export function ownedBy(projection: Projection, fact: Fact): readonly Owned[] {
  if (projection.kind === 'map') {
    return projection.rows(fact).map(({ key, values }) => ({ key, text: keyTextOf(key), values }));
  }
  return projection
    .contribute(fact)
    .map(({ key, totals }) => ({ key, text: keyTextOf(key), values: totals }));
}

/** The read model of these facts, by key text: rows, or sums without zeros. */
export function readModelOfFacts(
  projection: Projection,
  facts: readonly Fact[],
): Map<string, Owned> {
  const rows = new Map<string, Owned>();
  for (const fact of facts) {
    if (!projection.of.includes(fact.kind)) continue;
    for (const one of ownedBy(projection, fact)) {
      const former = projection.kind === 'map' ? undefined : rows.get(one.text);
      if (former === undefined) {
        rows.set(one.text, one);
        continue;
      }
      const values = one.values.map((value, at) => Number(value) + Number(former.values[at]));
      rows.set(one.text, { ...one, values });
    }
  }
  if (projection.kind === 'aggregate') {
    for (const [text, { values }] of rows) if (values.every((one) => one === 0)) rows.delete(text);
  }
  return rows;
}

/** By table and by projection name. */
export type Models = ReadonlyMap<string, ModelEffects>;

export function modelsOf(hosted: readonly Hosted[], partitions: number): Models {
  const models = new Map<string, ModelEffects>();
  for (const each of hosted) {
    const effects = new ModelEffects(each.projection, partitions);
    models.set(each.projection.name, effects);
    models.set(tableName(readModelOf(each)), effects);
  }
  return models;
}
