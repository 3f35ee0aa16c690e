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
  /** Checkpoints saved, and states exposed, that were looked at. */
  readonly counts = { saved: 0, exposed: 0 };

  constructor(context: CheckContext, events: EventsCheck) {
    this.#breach = breachOf(context);
    this.#events = events;
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
        const tell: Breach = (invariant, problem) =>
          this.#breach(invariant, `at the end, ${name}, partition ${partition}: ${problem}`);
        const last = this.#events.lastPosition(partition);
        this.#checkEvents(model, partition, last, this.#progressOf(model, partition), tell);
      }
    }
  }

  #hold(what: string, name: string, partition: number, checkpoint: Checkpoint): void {
    const model = this.#events.models.get(name);
    const where = `${what} of ${name}, partition ${partition}, position ${checkpoint.position}`;
    if (model === undefined) {
      this.#breach('I5', `${where}: nobody hosts such a read model`);
      return;
    }
    const tell = (invariant: string, problem: string) =>
      this.#breach(invariant, `${where}: ${problem}`);
    this.#checkOffset(partition, checkpoint, tell);
    this.#checkWatermark(partition, checkpoint, tell);
    const progress = this.#progressOf(model, partition);
    this.#checkEvents(model, partition, checkpoint.position, progress, tell);
    const letters =
      countUpTo(
        progress.failed.map((position) => ({ position })),
        checkpoint.position,
      ) + this.#events.undecodableBefore(partition, checkpoint.offset);
    if (checkpoint.deadLetters !== letters) {
      tell('I7', `it counts ${checkpoint.deadLetters} dead letters, up to there are ${letters}`);
    }
  }

  #checkOffset(partition: number, { offset, position }: Checkpoint, tell: Breach): void {
    const reached = this.#events.reachedBefore(partition, offset);
    if (reached === position) return;
    tell('I1', `all records below its offset ${offset} reach position ${reached}`);
  }

  #checkWatermark(partition: number, { position, watermark }: Checkpoint, tell: Breach): void {
    if (watermark === null) return;
    const standing = this.#events.watermarks(partition);
    for (let at = countUpTo(standing, position) - 1; at >= 0; at -= 1) {
      if (standing[at]?.lsn === watermark.lsn) return;
    }
    tell('I4', `its watermark ${formatLsn(watermark.lsn)} does not stand at or before it`);
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

  #checkEvents(
    model: ModelEffects,
    partition: number,
    position: number,
    progress: Progress,
    tell: Breach,
  ): void {
    const effects = model.ofPartition(partition);
    const newest = new Map<string, { readonly key: Key; readonly effect: EventEffect }>();
    for (; progress.events < effects.length; progress.events += 1) {
      const effect = effects[progress.events];
      if (effect === undefined || effect.event.position > position) break;
      if (effect.error !== null) this.#checkFailure(model, effect, progress, tell);
      for (const [text, { key, changes }] of effect.rows) {
        if (changes) newest.set(text, { key, effect });
      }
    }
    const durable = this.#durable.get(model);
    const shard = model.projection.kind === 'aggregate' ? partition : null;
    for (const [text, { key, effect }] of newest) {
      const found = durable?.get(rowId(text, shard)) ?? -1;
      const { position: must, type } = effect.event;
      if (found >= must) continue;
      const state = found < 0 ? 'was never written' : `is durable as of ${found} only`;
      tell('I1', `row ${shownCells(key)} of ${type} at ${must} ${state}`);
    }
  }

  #checkFailure(
    model: ModelEffects,
    { event, error }: EventEffect,
    progress: Progress,
    tell: Breach,
  ): void {
    const { position, type, sessionUid } = event;
    progress.failed.push(position);
    const failed = `${type} of session ${sessionUid} at ${position}, on which it threw (${error})`;
    if (model.projection.onError === 'halt') tell('I1', `it passed ${failed}`);
    else if (!this.#letters.get(model)?.has(position)) tell('I7', `no dead letter of ${failed}`);
  }
}

function rowId(keyText: string, shard: number | null): string {
  return shard === null ? keyText : `${shard}/${keyText}`;
}
