/**
 * One worker process of a test world, with its ports in our hands: every call to the store, the
 * checkpoints and the log is a step at which it may be killed, be told of a failure (that may have
 * been none), or be left hanging. A killed worker never hears from its ports again.
 */

import type {
  DeadLetterStore,
  LetterOrigin,
  StoredLetter,
} from '../../processor/engine/dead-letter-store.ts';
import type { Hosting } from '../../processor/engine/hosting.ts';
import type { WorkerObserver } from '../../processor/engine/observer.ts';
import type { CheckpointStore, ReadModelStore } from '../../processor/engine/store.ts';
import { createWorker, type Worker } from '../../processor/engine/worker.ts';
import type { WorkerSettings } from '../../processor/engine/worker-settings.ts';
import { TurnstreamError } from '../../processor/error.ts';
import type { Log, LogConsumer, LogProducer } from '../../processor/kafka/log.ts';
import type { Logger } from '../../processor/logger.ts';
import { jsonDecoder } from './history.ts';
import type { VirtualClock } from './virtual-clock.ts';

/**
 * `before`: nothing was applied; `partly`: the first half was; `after`: all was.
 * `hold`: nothing happens until `release`.
 */
export type Fault =
  | { readonly kind: 'crash' | 'fail'; readonly when: 'before' | 'partly' | 'after' }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'hold' };

export type FaultPlan = (step: number, operation: string) => Fault | undefined;

export type Parts = {
  readonly log: Log;
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly letters: DeadLetterStore;
  readonly clock: VirtualClock;
  readonly settings: WorkerSettings;
  readonly observer: WorkerObserver;
  readonly logger: Logger;
  readonly hosting?: Hosting;
};

const never = <T>() => new Promise<T>(() => undefined);

export class Instance {
  readonly worker: Worker;
  readonly operations: string[] = [];
  steps = 0;
  dead = false;
  consumer: LogConsumer | null = null;
  error: unknown = null;
  ended = false;
  readonly #parts: Parts;
  readonly #plan: FaultPlan;
  readonly #onDeath: (instance: Instance) => void;
  readonly #stop = new AbortController();
  #held: (() => void)[] = [];

  constructor(parts: Parts, plan: FaultPlan, onDeath: (instance: Instance) => void) {
    this.#parts = parts;
    this.#plan = plan;
    this.#onDeath = onDeath;
    let noise = 7;
    this.worker = createWorker(
      {
        log: this.#log(),
        store: this.#store(),
        checkpoints: this.#checkpoints(),
        letters: this.#letters(),
        decoder: jsonDecoder,
        clock: parts.clock,
        random: () => {
          noise = (noise * 16_807) % 2_147_483_647;
          return noise / 2_147_483_647;
        },
        observer: parts.observer,
        logger: parts.logger,
        ...(parts.hosting === undefined ? {} : { hosting: parts.hosting }),
      },
      parts.settings,
    );
  }

  run(): void {
    this.worker.run(this.#stop.signal).then(
      () => {
        this.ended = true;
      },
      (error: unknown) => {
        this.ended = true;
        this.error = error;
      },
    );
  }

  stop(): void {
    this.#stop.abort();
  }

  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.#onDeath(this);
  }

  /** Lets go what was held: it is applied now, however late that is. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }

  async #call<T>(
    operation: string,
    apply: () => Promise<T>,
    partly: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<T> {
    if (this.dead) return never();
    this.steps += 1;
    this.operations.push(operation);
    const fault = this.#plan(this.steps, operation);
    if (fault?.kind === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve));
    if (fault?.kind === 'refuse') throw new TurnstreamError('STORE', `${operation} refused`);
    const when = fault?.kind === 'crash' || fault?.kind === 'fail' ? fault.when : null;
    if (when === 'before') return this.#end(fault, operation);
    if (when === 'partly') {
      await partly();
      return this.#end(fault, operation);
    }
    const result = await apply();
    // Killed while it was on its way: applied, but nobody is there to hear it.
    if (this.dead) return never();
    return when === 'after' ? this.#end(fault, operation) : result;
  }

  #end(fault: Fault | undefined, operation: string): Promise<never> {
    if (fault?.kind === 'crash') {
      this.kill();
      return never();
    }
    return Promise.reject(
      new TurnstreamError('STORE', `${operation} timed out`, { retriable: true }),
    );
  }

  #store(): ReadModelStore {
    const { store } = this.#parts;
    const half = <T>(writes: readonly T[]) => writes.slice(0, Math.ceil(writes.length / 2));
    return {
      ensure: (models) => store.ensure(models),
      writeRows: (model, writes) =>
        this.#call(
          'rows',
          () => store.writeRows(model, writes),
          () => store.writeRows(model, half(writes)),
        ),
      writeTotals: (model, writes) =>
        this.#call(
          'totals',
          () => store.writeTotals(model, writes),
          () => store.writeTotals(model, half(writes)),
        ),
      loadTotals: (model, shard, keys) =>
        this.#call('totals-read', () => store.loadTotals(model, shard, keys)),
    };
  }

  #checkpoints(): CheckpointStore {
    const { checkpoints } = this.#parts;
    return {
      load: (model) => this.#call('checkpoint-read', () => checkpoints.load(model)),
      save: (model, partition, checkpoint) =>
        this.#call('checkpoint', () => checkpoints.save(model, partition, checkpoint)),
    };
  }

  #letters(): DeadLetterStore {
    const { letters } = this.#parts;
    const half = <T>(rows: readonly T[]) => rows.slice(0, Math.ceil(rows.length / 2));
    return {
      add: (origin, rows) =>
        this.#call(
          'letters',
          () => letters.add(origin, rows),
          () => letters.add(origin, half(rows)),
        ),
      decide: (origin, offset, decision) =>
        this.#call('letters', () => letters.decide(origin, offset, decision)),
      read: (origin, offset) => this.#call('letters-read', () => letters.read(origin, offset)),
      pages: (origin) => this.#pages(origin),
    };
  }

  async *#pages(origin: LetterOrigin): AsyncIterable<readonly StoredLetter[]> {
    const { letters } = this.#parts;
    yield await this.#call('letters-read', async () => {
      const all: StoredLetter[] = [];
      for await (const page of letters.pages(origin)) all.push(...page);
      return all;
    });
  }

  #log(): Log {
    const { log } = this.#parts;
    return {
      admin: () => log.admin(),
      producer: async (): Promise<LogProducer> => {
        const producer = await log.producer();
        return {
          append: (records) => this.#call('dead-letters', () => producer.append(records)),
          close: () => producer.close(),
        };
      },
      consumer: async (group, topic): Promise<LogConsumer> => {
        const consumer = await log.consumer(group, topic);
        // Killed before it could join: a member that nobody can expire must not come to be.
        if (this.dead) return never();
        this.consumer = consumer;
        return {
          run: (handlers) => (this.dead ? never() : consumer.run(handlers)),
          commit: (epoch, offsets) => this.#call('commit', () => consumer.commit(epoch, offsets)),
          restart: () => {
            if (!this.dead) consumer.restart();
          },
          stop: () => consumer.stop(),
        };
      },
    };
  }
}
