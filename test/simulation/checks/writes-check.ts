/**
 * Every mutation of a read model, at the moment at which it takes effect anywhere: its timestamp is
 * the position of an event in the log (I9), and its content is exactly what the projection means for
 * that row after that event. A batch that is consolidated writes of each row the newest position, so
 * this holds of it too. Increments, wrong positions, forgotten retractions and torn rows show at the
 * step at which they happen.
 */
import type { ConversationEvent } from '../../../processor/event/event.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import type { Key, TableColumn } from '../../../processor/projection/projection.ts';
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
    const model = this.#events.models.get(write.model);
    if (model === undefined) {
      this.#tell(write, 'I5', 'nobody hosts such a read model');
      return;
    }
    const found = this.#effectOf(model, write);
    if (typeof found === 'string') {
      this.#tell(write, 'I9', found);
      return;
    }
    const breach = contentDifference(model, write, found.effect, found.row);
    if (breach !== null) this.#tell(write, breach[0], breach[1]);
  }

  #tell({ op, model, key, timestamp }: ModelWrite, invariant: string, what: string): void {
    this.#breach(invariant, `${op} of ${model} ${shownCells(key)} at ${timestamp}: ${what}`);
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
    if (write.op !== must) return ['I3', `${afterOf(event)} it must be a ${must}`];
  }
  if (row.values === null || sameCells(write.values, row.values)) return null;
  const { values } = projection.shape;
  const what = difference(named(values, write.values), named(values, row.values));
  return ['I3', `${afterOf(event)}: ${what}`];
}

function named(columns: readonly TableColumn[], cells: readonly (Cell | undefined)[]): object {
  return Object.fromEntries(columns.map(({ name }, at) => [name, cells[at]]));
}

function afterOf({ type, sessionUid }: ConversationEvent): string {
  return `after ${type} of session ${sessionUid}`;
}
