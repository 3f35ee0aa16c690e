/**
 * A log, a store and any number of workers in memory, on one virtual clock. Every checkpoint that
 * is saved is compared with what is durable at that moment (I1), whatever the test is about.
 */

import { letterOriginOf, type StoredLetter } from '../../processor/engine/dead-letter-store.ts';
import type { Hosting } from '../../processor/engine/hosting.ts';
import { beginning } from '../../processor/engine/lane-batch.ts';
import { MemoryLetters } from '../../processor/engine/memory-letters.ts';
import { MemoryStore } from '../../processor/engine/memory-store.ts';
import { silentObserver, type WorkerObserver } from '../../processor/engine/observer.ts';
import type { StoredRow } from '../../processor/engine/read-out.ts';
import type {
  Checkpoint,
  CheckpointStore,
  ReadModel,
  ReadModelStore,
} from '../../processor/engine/store.ts';
import {
  readModelOf,
  type WorkerSettings,
  workerDefaults,
} from '../../processor/engine/worker-settings.ts';
import type { ConversationEvent } from '../../processor/event/event.ts';
import type { LogRecord } from '../../processor/kafka/log.ts';
import { MemoryLog } from '../../processor/kafka/memory-log.ts';
import { type Logger, silentLogger } from '../../processor/logger.ts';
import { foldAggregate, foldMap, type RowBuffer } from '../../processor/projection/changes.ts';
import { keyTextOf } from '../../processor/projection/key-text.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import {
  encode,
  History,
  jsonDecoder,
  type Placed,
  projected,
  sortedByKey,
  summed,
} from './history.ts';
import { type FaultPlan, Instance } from './instance.ts';
import { turn, VirtualClock } from './virtual-clock.ts';

export type WorldOptions = {
  readonly projections: readonly Projection[];
  readonly partitions?: number;
  /** Records that one fetch hands over at most. */
  readonly fetchRecordsMax?: number;
  readonly settings?: Partial<WorkerSettings>;
  readonly observer?: Partial<WorkerObserver>;
  readonly logger?: Logger;
};

const turnsMax = 20_000;

export class World {
  readonly history = new History();
  readonly clock = new VirtualClock(1_700_000_100_000);
  readonly store = new MemoryStore();
  readonly letters = new MemoryLetters();
  readonly instances: Instance[] = [];
  readonly violations: string[] = [];
  readonly log: MemoryLog;
  readonly settings: WorkerSettings;
  readonly #options: WorldOptions;
  /** By model and row, the newest position that was applied. */
  readonly #applied = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.log = new MemoryLog({
      now: this.clock.nowMs,
      batchRecordsMax: options.fetchRecordsMax ?? 4,
    });
    this.settings = {
      ...workerDefaults,
      group: 'workers',
      eventsTopic: 'events',
      deadLettersTopic: 'dead-letters',
      partitions: options.partitions ?? 2,
      hosted: options.projections.map((projection) => ({ projection, generation: 1 })),
      batchRecordsMax: 6,
      sliceRecords: 2,
      ...options.settings,
    };
  }

  async open(): Promise<this> {
    const admin = await this.log.admin();
    const topic = (name: string, partitions: number) => {
      return { topic: name, partitions, replicationFactor: 1, config: {} };
    };
    await admin.ensureTopics([
      topic('events', this.#options.partitions ?? 2),
      topic('dead-letters', 1),
    ]);
    await this.store.ensure(this.settings.hosted.map(readModelOf));
    return this;
  }

  async append(placed: readonly Placed[]): Promise<void> {
    const records = placed.map(({ partition, entry }) => ({ partition, value: encode(entry) }));
    await this.appendRaw(records);
  }

  async appendRaw(
    records: readonly { readonly partition: number; readonly value: Buffer | null }[],
  ): Promise<void> {
    const producer = await this.log.producer();
    await producer.append(records.map((record) => ({ topic: 'events', key: null, ...record })));
  }

  start(
    plan: FaultPlan = () => undefined,
    settings: Partial<WorkerSettings> = {},
    hosting?: Hosting,
  ): Instance {
    const instance = new Instance(
      {
        log: this.log,
        store: this.#recording(),
        checkpoints: this.#checked(),
        letters: this.letters,
        clock: this.clock,
        settings: { ...this.settings, ...settings },
        observer: { ...silentObserver, ...this.#options.observer },
        logger: this.#options.logger ?? silentLogger,
        ...(hosting === undefined ? {} : { hosting }),
      },
      plan,
      // Whoever is dead can't join again, as an expired member may.
      ({ consumer }) => {
        void consumer?.stop();
      },
    );
    this.instances.push(instance);
    instance.run();
    return instance;
  }

  /** Until nothing runs and no timer is left. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < turnsMax; turns += 1) {
      await turn();
      if (!this.clock.jump()) {
        await turn();
        if (!this.clock.jump()) return;
      }
    }
    throw new Error('the world does not come to rest');
  }

  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; turns < turnsMax; turns += 1) {
      if (condition()) return;
      await turn();
      if (!condition()) this.clock.jump();
    }
    throw new Error('what was waited for did not happen');
  }

  /** What readers see: rows, or totals summed over shards with the zeros left out (I8). */
  readModel(projection: Projection): readonly StoredRow[] {
    const model = this.#model(projection.name);
    if (projection.kind === 'map') return sortedByKey(this.store.rows(model));
    return summed(this.store.totals(model));
  }

  readModels(): readonly (readonly StoredRow[])[] {
    return this.#options.projections.map((projection) => this.readModel(projection));
  }

  expected(): readonly (readonly StoredRow[])[] {
    return this.#options.projections.map((each) => projected(each, this.history.facts()));
  }

  async checkpoint(projection: string, partition: number): Promise<Checkpoint> {
    return (await this.store.load(this.#model(projection))).get(partition) ?? beginning;
  }

  deadLetters(): readonly LogRecord[] {
    return this.log.partitions('dead-letters')[0]?.records ?? [];
  }

  letterRows(projection: string, partition: number): readonly StoredLetter[] {
    return this.letters.all(letterOriginOf(this.#model(projection), partition));
  }

  /** Asks for the retry of the letter, as the sequencer would put it into the log. */
  async retry(projection: string, partition: number, offset: number): Promise<void> {
    const value = this.log.partitions('events')[partition]?.records[offset]?.value;
    if (value === undefined || value === null) throw new Error(`no record ${offset}`);
    const letter = { projection, version: 1, generation: 1, partition, offset };
    await this.append([this.history.retry({ ...letter, value, discard: false })]);
  }

  /** Says that the letter will never be taken. */
  async discard(projection: string, partition: number, offset: number): Promise<void> {
    const letter = { projection, version: 1, generation: 1, partition, offset };
    await this.append([this.history.retry({ ...letter, value: Buffer.alloc(0), discard: true })]);
  }

  #model(projection: string): ReadModel {
    const hosted = this.settings.hosted.find((each) => each.projection.name === projection);
    if (hosted === undefined) throw new Error(`no projection ${projection}`);
    return readModelOf(hosted);
  }

  #recording(): ReadModelStore {
    const applied = (model: ReadModel, text: string, position: number) => {
      const id = `${tableOf(model)}/${text}`;
      this.#applied.set(id, Math.max(position, this.#applied.get(id) ?? -1));
    };
    return {
      ensure: (models) => this.store.ensure(models),
      loadTotals: (model, shard, keys) => this.store.loadTotals(model, shard, keys),
      writeRows: async (model, writes) => {
        await this.store.writeRows(model, writes);
        for (const { key, position } of writes) applied(model, keyTextOf(key), position);
      },
      writeTotals: async (model, writes) => {
        await this.store.writeTotals(model, writes);
        for (const { key, shard, position } of writes) {
          applied(model, `${shard}/${keyTextOf(key)}`, position);
        }
      },
    };
  }

  #checked(): CheckpointStore {
    return {
      load: (model) => this.store.load(model),
      save: async (model, partition, checkpoint) => {
        this.#checkDurable(model, partition, checkpoint);
        await this.store.save(model, partition, checkpoint);
      },
    };
  }

  /** I1: whatever the events up to the checkpoint wrote is there, in this or a newer state. */
  #checkDurable(model: ReadModel, partition: number, checkpoint: Checkpoint): void {
    const name = model.shape.projection;
    const hosted = this.settings.hosted.find(({ projection }) => projection.name === name);
    if (hosted === undefined) return;
    const aside = new Set(
      this.letters.all(letterOriginOf(model, partition)).map((each) => each.position),
    );
    const events = this.#eventsUpTo(partition, checkpoint.position).filter(
      ({ position }) => !aside.has(position),
    );
    const require = (text: string, position: number) => {
      const found = this.#applied.get(`${tableOf(model)}/${text}`) ?? -1;
      if (found < position) {
        this.violations.push(
          `${tableOf(model)}: checkpoint ${checkpoint.position}, ${text} at ${found}`,
        );
      }
    };
    const failed: number[] = [];
    if (hosted.projection.kind === 'map') {
      const rows: RowBuffer = new Map();
      failed.push(...foldMap(hosted.projection, events, rows).map((each) => each.entryIndex));
      for (const [text, { position }] of rows) require(text, position);
    } else {
      const { deltas, failures } = foldAggregate(hosted.projection, events);
      failed.push(...failures.map((each) => each.entryIndex));
      for (const [text, { positions }] of deltas) {
        require(`${partition}/${text}`, positions.at(-1) ?? -1);
      }
    }
    for (const index of failed) {
      this.violations.push(`${name}: no dead letter is listed for ${events[index]?.position}`);
    }
    const appended = new Set(
      this.deadLetters()
        .filter(({ headers }) => headers['projection'] === name)
        .map(({ headers }) => headers['position'] ?? null),
    );
    for (const position of aside) {
      const text = position === null ? null : String(position);
      if (!appended.has(text)) this.violations.push(`${name}: no dead letter for ${position}`);
    }
  }

  #eventsUpTo(partition: number, position: number): readonly ConversationEvent[] {
    const events: ConversationEvent[] = [];
    let last = -1;
    for (const { value } of this.log.partitions('events')[partition]?.records ?? []) {
      if (value === null || value[0] !== '{'.charCodeAt(0)) continue;
      const entry = jsonDecoder.decode(value);
      if (entry.position <= last || entry.position > position) continue;
      last = entry.position;
      if (entry.kind === 'event') events.push(entry);
    }
    return events;
  }
}

function tableOf({ shape, generation }: ReadModel): string {
  return `${shape.projection}_v${shape.version}_g${generation}`;
}
