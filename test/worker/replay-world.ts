/**
 * Replays in a test world: processes whose every call to anything outside is a step at which they may be
 * killed, before it is applied or after. A killed one never hears from its ports again; its group
 * notices, its lease runs out.
 */
import type { DeadLetterStore } from '../../processor/engine/dead-letter-store.ts';
import type { GenerationStore } from '../../processor/engine/generations.ts';
import { MemoryGenerations } from '../../processor/engine/memory-generations.ts';
import type { StoredRow } from '../../processor/engine/read-out.ts';
import type { CheckpointStore, ReadModel } from '../../processor/engine/store.ts';
import type { Log, LogConsumer } from '../../processor/kafka/log.ts';
import { silentLogger } from '../../processor/logger.ts';
import type { Projection } from '../../processor/projection/projection.ts';
import { idOf, modelOf } from '../../processor/replay/choose.ts';
import type {
  ReplayOptions,
  ReplayPorts,
  ReplayProgress,
  ReplayResult,
  ReplaySettings,
  Verify,
} from '../../processor/replay/ports.ts';
import { replay } from '../../processor/replay/replay.ts';
import { jsonDecoder, sortedByKey, summed } from './history.ts';
import { withThreads } from './replay-threads.ts';
import { turn } from './virtual-clock.ts';
import { World, type WorldOptions } from './world.ts';

export type Death = { readonly step: number; readonly when: 'before' | 'after' };

export const upToNow: ReplayOptions = {
  until: null,
  keep: 1,
  verify: true,
  promote: true,
  acceptDeadLetters: false,
  eventsPerSecondMax: null,
};

const never = <T>() => new Promise<T>(() => undefined);

export type ReplayRun = {
  readonly process: ReplayProcess;
  /** Null while it runs, or once it is dead. */
  outcome: { readonly results: readonly ReplayResult[] } | { readonly error: unknown } | null;
};

export class ReplayWorld {
  readonly world: World;
  readonly projections: readonly Projection[];
  readonly generations: MemoryGenerations;
  readonly dropped: string[] = [];
  readonly progress: ReplayProgress[] = [];
  verify: Verify = async () => ({ equal: true, summary: 'equal' });
  #replays = 0;

  constructor(options: WorldOptions) {
    this.world = new World(options);
    this.projections = options.projections;
    this.generations = new MemoryGenerations(this.world.clock);
  }

  /** Generation 1 of each is live. */
  async open(): Promise<this> {
    await this.world.open();
    for (const { name, version } of this.projections) {
      const first = await this.generations.first(name, version);
      await this.generations.promote(idOf(first), null, this.world.clock.nowMs());
    }
    return this;
  }

  settings(more: Partial<ReplaySettings> = {}): ReplaySettings {
    const { group: _group, hosted: _hosted, ...settings } = this.world.settings;
    this.#replays += 1;
    return {
      ...settings,
      groupPrefix: 'replay',
      owner: `replay-${this.#replays}`,
      about: `process ${this.#replays}`,
      leaseMs: 15_000,
      lookMs: 500,
      dropDelayMs: 60_000,
      ...more,
    };
  }

  start(
    options: Partial<ReplayOptions> = {},
    settings: Partial<ReplaySettings> = {},
    death: Death | null = null,
  ): ReplayRun {
    const process = new ReplayProcess(this, death);
    const all = this.settings(settings);
    const run: ReplayRun = { process, outcome: null };
    const reporter = {
      progress: (progress: readonly ReplayProgress[]) => {
        this.progress.push(...progress);
      },
    };
    replay(
      withThreads(process, all),
      all,
      this.projections,
      { ...upToNow, ...options },
      reporter,
      process.signal,
    ).then(
      (results) => {
        run.outcome = { results };
      },
      (error: unknown) => {
        run.outcome = { error };
      },
    );
    return run;
  }

  /** To its end, or its death. */
  async ended(run: ReplayRun): Promise<readonly ReplayResult[]> {
    await this.world.until(() => run.outcome !== null || run.process.dead);
    // What was on its way arrives before the next one begins.
    await turn();
    if (run.outcome === null) return [];
    if ('error' in run.outcome) throw run.outcome.error;
    return run.outcome.results;
  }

  /** What readers see of a generation; the live one, when none is given. */
  async rows(projection: Projection, generation?: number): Promise<readonly StoredRow[]> {
    const { name, version } = projection;
    const live = (await this.generations.live([name])).get(name);
    const id = generation === undefined ? live : { projection: name, version, generation };
    if (id === undefined) throw new Error(`nothing of ${name} is live`);
    const model = modelOf(projection, id);
    if (projection.kind === 'map') return sortedByKey(this.world.store.rows(model));
    return summed(this.world.store.totals(model));
  }

  async liveRows(): Promise<readonly (readonly StoredRow[])[]> {
    return await Promise.all(this.projections.map((each) => this.rows(each)));
  }
}

export class ReplayProcess {
  readonly #world: ReplayWorld;
  readonly #death: Death | null;
  readonly #stop = new AbortController();
  readonly consumers: LogConsumer[] = [];
  readonly threads: ReplayProcess[] = [];
  /** Partitions of which it has saved a checkpoint. */
  readonly saved = new Set<number>();
  steps = 0;
  dead = false;

  constructor(world: ReplayWorld, death: Death | null) {
    this.#world = world;
    this.#death = death;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** One of its threads, which dies with it. */
  thread(): ReplayProcess {
    const thread = new ReplayProcess(this.#world, null);
    this.threads.push(thread);
    if (this.dead) thread.kill();
    return thread;
  }

  kill(): void {
    this.dead = true;
    for (const thread of this.threads) thread.kill();
    for (const consumer of this.consumers) void consumer.stop();
  }

  ports(): ReplayPorts {
    const { world, generations } = this.#world;
    const step = <T>(call: () => Promise<T>) => this.#step(call);
    return {
      log: this.#log(world.log),
      store: this.#mortal(world.store),
      checkpoints: this.#mortal({
        load: (model) => world.store.load(model),
        save: (model, partition, checkpoint) => {
          this.saved.add(partition);
          return world.store.save(model, partition, checkpoint);
        },
      } satisfies CheckpointStore),
      letters: this.#letters(world.letters),
      decoder: {
        reading: () => jsonDecoder,
        watermarkOf: (value) => {
          const entry = jsonDecoder.decode(value);
          return entry.kind === 'watermark' ? entry : null;
        },
      },
      generations: this.#mortal<GenerationStore>(generations),
      dropTable: (model: ReadModel) =>
        step(async () => {
          const { shape, generation } = model;
          this.#world.dropped.push(`${shape.projection}_v${shape.version}_g${generation}`);
        }),
      verify: (...args) => step(() => this.#world.verify(...args)),
      clock: {
        nowMs: world.clock.nowMs,
        yield: world.clock.yield,
        delay: (ms, signal) => (this.dead ? never() : world.clock.delay(ms, signal)),
      },
      random: () => 0.5,
      logger: silentLogger,
    };
  }

  async #step<T>(call: () => Promise<T>): Promise<T> {
    if (this.dead) return never();
    this.steps += 1;
    const dies = this.#death?.step === this.steps ? this.#death.when : null;
    if (dies === 'before') {
      this.kill();
      return never();
    }
    const result = await call();
    if (dies === 'after') this.kill();
    return this.dead ? never() : result;
  }

  /** Every method of the object is a step. */
  #mortal<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) =>
          this.#step(() => Reflect.apply(method, target, args) as Promise<unknown>);
      },
    });
  }

  #letters(letters: DeadLetterStore): DeadLetterStore {
    const mortal = this.#mortal(letters);
    return {
      add: (origin, rows) => mortal.add(origin, rows),
      decide: (origin, offset, decision) => mortal.decide(origin, offset, decision),
      read: (origin, offset) => mortal.read(origin, offset),
      pages: (origin) => letters.pages(origin),
    };
  }

  #log(log: Log): Log {
    return {
      admin: () => this.#step(() => log.admin()),
      producer: () => this.#step(() => log.producer()),
      consumer: async (group, topic) => {
        const consumer = await this.#step(() => log.consumer(group, topic));
        this.consumers.push(consumer);
        return {
          run: (handlers) => (this.dead ? never() : consumer.run(handlers)),
          commit: (epoch, offsets) => this.#step(() => consumer.commit(epoch, offsets)),
          restart: () => consumer.restart(),
          stop: () => consumer.stop(),
        };
      },
    };
  }
}
