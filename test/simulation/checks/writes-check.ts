/**
 * Every mutation of a read model, at the moment at which it takes effect anywhere: its timestamp is
 * the position of an event in the log (I9), and its content is exactly what the projection means for
 * that row after that event. A batch that is consolidated writes of each row the newest position, so
 * this holds of it too. Increments, wrong positions, forgotten retractions and torn rows show at the
 * step at which they happen.
 */
import { tableName } from '../../../processor/cql/names.ts';
import type { ReadModel } from '../../../processor/engine/store.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import type { Key } from '../../../processor/projection/projection.ts';
import {
  type Breach,
  breachOf,
  type CheckContext,
  difference,
  sameCells,
  shownCells,
} from './check.ts';
import type { EventEffect, ModelEffects, RowEffect } from './effects.ts';
import type { EventsCheck } from './events-check.ts';

export type ModelWrite = {
  /** The table's name or the projection's. */
  readonly model: string;
  readonly op: 'upsert' | 'delete' | 'totals';
  /** Cells in the order of the shape's partition and clustering columns, without the shard. */
  readonly key: Key;
  /** Of totals: the row's shard. */
  readonly shard?: number;
  /** Cells in the order of the shape's values; of a column that was not written, undefined. */
  readonly values: readonly (Cell | undefined)[];
  /** Of totals: the row's own `position` column. */
  readonly position?: number;
  /** The write timestamp; null for the server's own time. */
  readonly timestamp: number | null;
};

export function modelName(model: ReadModel): string {
  return tableName(model);
}

export class WritesCheck {
  readonly #breach: Breach;
  readonly #events: EventsCheck;
  /** Mutations looked at. */
  count = 0;

  constructor(context: CheckContext, events: EventsCheck) {
    this.#breach = breachOf(context);
    this.#events = events;
  }

  written(write: ModelWrite): void {
    this.count += 1;
    const where = `${write.op} of ${write.model} ${shownCells(write.key)} at ${write.timestamp}`;
    const model = this.#events.models.get(write.model);
    if (model === undefined) {
      this.#breach('I5', `${where}: nobody hosts such a read model`);
      return;
    }
    const found = this.#effectOf(model, write);
    if (typeof found === 'string') {
      this.#breach('I9', `${where}: ${found}`);
      return;
    }
    const [invariant, what] = contentDifference(model, write, found.effect, found.row) ?? [];
    if (invariant !== undefined) this.#breach(invariant, `${where}: ${what}`);
  }

  #effectOf(
    model: ModelEffects,
    { timestamp, key }: ModelWrite,
  ): { readonly effect: EventEffect; readonly row: RowEffect } | string {
    if (timestamp === null) return "it carries the server's time, no position";
    const effect = model.at(timestamp);
    if (effect === undefined) {
      const last = Array.from({ length: this.#events.partitions }, (_, partition) =>
        this.#events.lastPosition(partition),
      );
      return `no event that concerns ${model.projection.name} stands there; the partitions end at ${last.join(', ')}`;
    }
    const { type, sessionUid } = effect.event;
    if (effect.error !== null) return `the projection threw on that event: ${effect.error}`;
    const row = effect.rows.get(keyTextOf(key));
    return row === undefined
      ? `the event there, ${type} of session ${sessionUid}, does not touch this row`
      : { effect, row };
  }
}

function contentDifference(
  { projection }: ModelEffects,
  write: ModelWrite,
  { event, partition }: EventEffect,
  row: RowEffect,
): readonly [invariant: string, what: string] | null {
  const { type, sessionUid } = event;
  const after = `after ${type} of session ${sessionUid}`;
  if (projection.kind === 'aggregate') {
    if (write.op !== 'totals') return ['I8', `totals are never ${write.op}d`];
    if (write.shard !== partition) {
      return ['I8', `it is in shard ${write.shard}, the event in partition ${partition}`];
    }
    if (write.position !== undefined && write.position !== event.position) {
      return ['I9', `its column position says ${write.position}`];
    }
  } else {
    const must = row.values === null ? 'delete' : 'upsert';
    if (write.op !== must) return ['I3', `${after} it must be a ${must}`];
  }
  if (row.values === null || sameCells(write.values, row.values)) return null;
  const { values } = projection.shape;
  const named = (cells: readonly (Cell | undefined)[]) =>
    Object.fromEntries(values.map(({ name }, at) => [name, cells[at]]));
  return ['I3', `${after}: ${difference(named(write.values), named(row.values))}`];
}
