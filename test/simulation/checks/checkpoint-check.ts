/**
 * I1: whatever the events up to a checkpoint wrote is durable when the checkpoint takes effect, in
 * the state of that event or a newer one, and what the projection threw on is a dead letter. The same
 * is held of what a worker exposes as readable (I4 at the reader's side). Each event is looked at once
 * for each partition of a read model: later checkpoints look at later events only.
 */
import type { Checkpoint } from '../../../processor/engine/store.ts';
import type { Key } from '../../../processor/projection/projection.ts';
import { formatLsn } from '../../../processor/source/lsn.ts';
import { type Breach, breachOf, type CheckContext, shownCells } from './check.ts';
import type { EventEffect, ModelEffects } from './effects.ts';
import { countUpTo, type EventsCheck } from './events-check.ts';

/** The newest timestamp of the row that is on a quorum now; -1 for none. `model`: the projection's name. */
export type DurableNow = (model: string, key: Key, shard: number | null) => number;

/** What is looked at, for people. */
type Place = {
  readonly what: string;
  readonly name: string;
  readonly partition: number;
  readonly position: number;
};

type Progress = {
  /** Of the model's events in the partition, how many are known to be durable. */
  events: number;
  /** Positions of the events that the projection threw on, among those looked at. */
  readonly failed: number[];
};

export class CheckpointCheck {
  readonly #breach: Breach;
  readonly #events: EventsCheck;
  /** By read model and row, the newest position that is durable. */
  readonly #durable = new Map<ModelEffects, Map<string, number>>();
  readonly #letters = new Map<ModelEffects, Set<number>>();
  readonly #progress = new Map<ModelEffects, Progress[]>();
  readonly #durableNow: DurableNow;
  /** Checkpoints saved, and states exposed, that were looked at. */
  readonly counts = { saved: 0, exposed: 0 };

  /**
   * `durableNow` is asked for a row of which `durable` has not told enough: a write that reached a
   * minority becomes durable by the repair of whoever reads it, without a write.
   */
  constructor(context: CheckContext, events: EventsCheck, durableNow: DurableNow = () => -1) {
    this.#breach = breachOf(context);
    this.#events = events;
    this.#durableNow = durableNow;
  }

  /**
   * The row is on a quorum, written or deleted at the timestamp. `model` is the table's name or the
   * projection's; `shard` is null for a map.
   */
  durable(model: string, keyText: string, shard: number | null, timestamp: number): void {
    const effects = this.#events.models.get(model);
    if (effects === undefined) return;
    let rows = this.#durable.get(effects);
    if (rows === undefined) {
      rows = new Map();
      this.#durable.set(effects, rows);
    }
    const id = rowId(keyText, shard);
    if ((rows.get(id) ?? -1) < timestamp) rows.set(id, timestamp);
  }

  /** A dead letter of the projection stands in its topic. */
  deadLetter(projection: string, position: number): void {
    const effects = this.#events.models.get(projection);
    if (effects === undefined) return;
    const letters = this.#letters.get(effects) ?? new Set();
    this.#letters.set(effects, letters.add(position));
  }

  /** A checkpoint takes effect, anywhere. */
  saved(model: string, partition: number, checkpoint: Checkpoint): void {
    this.counts.saved += 1;
    this.#hold('checkpoint', model, partition, checkpoint);
  }

  /** A worker tells that the read model has come so far. */
  exposed(model: string, partition: number, reached: Checkpoint): void {
    this.counts.exposed += 1;
    this.#hold('what is exposed', model, partition, reached);
  }

  /** Everything has come to rest: all that all events wrote is durable, and each failure set aside. */
  atRest(): void {
    for (const [name, model] of this.#events.models) {
      if (name !== model.projection.name || model.projection.onError === 'halt') continue;
      for (let partition = 0; partition < this.#events.partitions; partition += 1) {
        const position = this.#events.lastPosition(partition);
        const place = { what: 'the end', name, partition, position };
        this.#checkEvents(model, place, this.#progressOf(model, partition));
      }
    }
  }

  #hold(what: string, name: string, partition: number, checkpoint: Checkpoint): void {
    const model = this.#events.models.get(name);
    const place: Place = { what, name, partition, position: checkpoint.position };
    if (model === undefined) {
      this.#tell(place, 'I5', 'nobody hosts such a read model');
      return;
    }
    this.#checkOffset(place, checkpoint);
    this.#checkWatermark(place, checkpoint);
    const progress = this.#progressOf(model, partition);
    this.#checkEvents(model, place, progress);
    let letters = this.#events.undecodableBefore(partition, checkpoint.offset);
    for (const position of progress.failed) if (position <= checkpoint.position) letters += 1;
    if (checkpoint.deadLetters !== letters) {
      this.#tell(
        place,
        'I7',
        `it counts ${checkpoint.deadLetters} dead letters, up to there are ${letters}`,
      );
    }
  }

  #tell({ what, name, partition, position }: Place, invariant: string, problem: string): void {
    const where = `${what} of ${name}, partition ${partition}, position ${position}`;
    this.#breach(invariant, `${where}: ${problem}`);
  }

  #checkOffset(place: Place, { offset, position }: Checkpoint): void {
    const reached = this.#events.reachedBefore(place.partition, offset);
    if (reached === position) return;
    this.#tell(place, 'I1', `all records below its offset ${offset} reach position ${reached}`);
  }

  #checkWatermark(place: Place, { position, watermark }: Checkpoint): void {
    if (watermark === null) return;
    const standing = this.#events.watermarks(place.partition);
    for (let at = countUpTo(standing, position) - 1; at >= 0; at -= 1) {
      if (standing[at]?.lsn === watermark.lsn) return;
    }
    this.#tell(
      place,
      'I4',
      `its watermark ${formatLsn(watermark.lsn)} does not stand at or before it`,
    );
  }

  #progressOf(model: ModelEffects, partition: number): Progress {
    let all = this.#progress.get(model);
    if (all === undefined) {
      all = Array.from({ length: this.#events.partitions }, () => ({ events: 0, failed: [] }));
      this.#progress.set(model, all);
    }
    const progress = all[partition];
    if (progress === undefined) throw new Error(`the events topic has no partition ${partition}`);
    return progress;
  }

  #checkEvents(model: ModelEffects, place: Place, progress: Progress): void {
    const { partition, position } = place;
    const effects = model.ofPartition(partition);
    const newest = new Map<string, { readonly key: Key; readonly effect: EventEffect }>();
    for (; progress.events < effects.length; progress.events += 1) {
      const effect = effects[progress.events];
      if (effect === undefined || effect.event.position > position) break;
      if (effect.error !== null) this.#checkFailure(model, place, effect, progress);
      for (const [text, { key, changes }] of effect.rows) {
        if (changes) newest.set(text, { key, effect });
      }
    }
    const durable = this.#durable.get(model);
    const shard = model.projection.kind === 'aggregate' ? partition : null;
    for (const [text, { key, effect }] of newest) {
      const { position: must, type } = effect.event;
      let found = durable?.get(rowId(text, shard)) ?? -1;
      if (found >= must) continue;
      found = Math.max(found, this.#durableNow(place.name, key, shard));
      if (found >= must) continue;
      const state = found < 0 ? 'was never written' : `is durable as of ${found} only`;
      this.#tell(place, 'I1', `row ${shownCells(key)} of ${type} at ${must} ${state}`);
    }
  }

  #checkFailure(
    model: ModelEffects,
    place: Place,
    { event, error }: EventEffect,
    progress: Progress,
  ): void {
    const { position, type, sessionUid } = event;
    progress.failed.push(position);
    const failed = `${type} of session ${sessionUid} at ${position}, on which it threw (${error})`;
    if (model.projection.onError === 'halt') this.#tell(place, 'I1', `it passed ${failed}`);
    else if (!this.#letters.get(model)?.has(position)) {
      this.#tell(place, 'I7', `no dead letter of ${failed}`);
    }
  }
}

function rowId(keyText: string, shard: number | null): string {
  return shard === null ? keyText : `${shard}/${keyText}`;
}
