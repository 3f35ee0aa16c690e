/**
 * The workers of a world in memory (memory-world-fixture.ts): one process that hosts everything and keeps
 * the totals it wrote last in memory, as the engine's does. It looks at holds now and then; what it had under
 * way when it stands still arrives later, as a late write does.
 */
import type { MemoryStore } from '../engine/memory-store.ts';
import type { StoredTotals, TotalsWrite } from '../engine/store.ts';
import type { HoldStore } from '../engine/totals-holds.ts';
import type { LogEntry } from '../event/event.ts';
import { applyDeltas, foldAggregate, foldMap, type RowBuffer } from '../projection/changes.ts';
import { keyTextOf } from '../projection/key-text.ts';
import type { AggregateProjection } from '../projection/projection.ts';
import type { Target } from './ports.ts';

export type WorkerPorts = {
  readonly store: MemoryStore;
  readonly holds: Pick<HoldStore, 'held'>;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Entries of the partition from the offset on, so many at most. */
  readonly read: (partition: number, offset: number, records: number) => readonly LogEntry[];
};

type Cache = Map<string, StoredTotals>;

export class MemoryWorker {
  /** False: as a worker of a release that knows no holds. */
  looks = true;
  readonly #ports: WorkerPorts;
  readonly #worked = new Map<string, { offset: number; position: number }>();
  readonly #caches = new Map<string, Cache>();
  readonly #held = new Set<Target>();
  #late: (() => Promise<void>)[] = [];

  constructor(ports: WorkerPorts) {
    this.#ports = ports;
  }

  /** It starts again: nothing is in its memory. */
  restart(): void {
    this.#caches.clear();
  }

  async look(targets: readonly Target[]): Promise<void> {
    const { holds, nowMs } = this.#ports;
    if (!this.looks) return;
    const held = await holds.held(targets.map(({ projection }) => projection.name));
    for (const target of targets) {
      const isHeld = (held.get(target.projection.name)?.untilMs ?? 0) > nowMs();
      if (isHeld === this.#held.has(target)) continue;
      if (isHeld) this.#standStill(target);
      else this.#held.delete(target);
      this.restart();
    }
  }

  /** What was under way when it stood still. */
  async arrive(): Promise<void> {
    for (const write of this.#late.splice(0)) await write();
  }

  /** One batch of one lane: rows first, then the checkpoint. False when there is nothing to read. */
  async work(target: Target, partition: number, records: number): Promise<boolean> {
    if (this.#held.has(target)) return false;
    const { projection, model } = target;
    const lane = `${projection.name}/${partition}`;
    const { offset, position } = this.#worked.get(lane) ?? { offset: 0, position: -1 };
    const { store } = this.#ports;
    const entries = this.#ports.read(partition, offset, records);
    if (entries.length === 0) return false;
    if (projection.kind === 'map') {
      const writes: RowBuffer = new Map();
      foldMap(projection, eventsOf(entries), writes);
      await store.writeRows(model, [...writes.values()]);
    } else {
      const cache = this.#cacheOf(lane);
      const written = await this.#totals({ ...target, projection }, partition, entries, cache);
      await store.writeTotals(model, written);
      for (const write of written) cache.set(keyTextOf(write.key), write);
    }
    const reached = {
      offset: offset + entries.length,
      position: entries.at(-1)?.position ?? position,
    };
    this.#worked.set(lane, reached);
    await store.save(model, partition, { ...reached, watermark: null, deadLetters: 0 });
    return true;
  }

  #cacheOf(lane: string): Cache {
    const cache = this.#caches.get(lane) ?? new Map();
    this.#caches.set(lane, cache);
    return cache;
  }

  async #totals(
    { projection, model }: Target & { readonly projection: AggregateProjection },
    shard: number,
    entries: readonly LogEntry[],
    cache: Cache,
  ): Promise<readonly TotalsWrite[]> {
    const writes: TotalsWrite[] = [];
    for (const [text, deltas] of foldAggregate(projection, eventsOf(entries)).deltas) {
      const { key } = deltas;
      const cached = cache.get(text);
      const [stored = null] = cached
        ? [cached]
        : await this.#ports.store.loadTotals(model, shard, [key]);
      const after = applyDeltas(stored, deltas);
      if (after !== null) writes.push({ key, shard, ...after });
    }
    return writes;
  }

  /** The next batch of each lane was on its way already. */
  #standStill(target: Target): void {
    const { projection, model } = target;
    this.#held.add(target);
    if (projection.kind !== 'aggregate') return;
    for (const [lane, { offset }] of this.#worked) {
      const [name, partition] = lane.split('/');
      if (name !== projection.name || this.#ports.random() < 0.5) continue;
      const shard = Number(partition);
      const entries = this.#ports.read(shard, offset, 3);
      const before: Cache = new Map(this.#cacheOf(lane));
      this.#late.push(async () => {
        const writes = await this.#totals({ ...target, projection }, shard, entries, before);
        await this.#ports.store.writeTotals(model, writes);
      });
    }
  }
}

function eventsOf(entries: readonly LogEntry[]) {
  return entries.filter((entry) => entry.kind === 'event');
}
