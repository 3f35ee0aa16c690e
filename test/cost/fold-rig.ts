/**
 * The sequencer's fold with its cache and a store, and nothing else: row changes in, batch by batch,
 * through the product's own read-ahead, fold, flush and eviction. For what folding costs: in
 * statements (append-cost.test.ts) and in time (benchmarks/long-session.bench.ts).
 */
import { foldChange } from '../../processor/conversation/fold.ts';
import { foldDefaults } from '../../processor/conversation/limits.ts';
import { momentOf } from '../../processor/conversation/moment.ts';
import { Workspace } from '../../processor/conversation/workspace.ts';
import { readAhead, runFold } from '../../processor/sequencer/driver.ts';
import { publish, takePending, writeState } from '../../processor/sequencer/flush.ts';
import type { SequencerSettings } from '../../processor/sequencer/settings.ts';
import type { StateStore } from '../../processor/sequencer/state-store.ts';
import type { Lsn } from '../../processor/source/lsn.ts';
import type { RowChange } from '../../processor/source/row-change.ts';

const insist = <T>(_: string, run: () => Promise<T>) => run();
const nothing = Buffer.alloc(0);

export class FoldRig {
  readonly workspace: Workspace;
  readonly #store: StateStore;
  readonly #flushPorts: Parameters<typeof publish>[1];
  #offset = 0;
  #events = 0;

  constructor(store: StateStore, containerBytesMax: number = foldDefaults.containerBytesMax) {
    this.#store = store;
    this.workspace = new Workspace({
      ...foldDefaults,
      ...store.segmentLimits,
      containerBytesMax,
    });
    this.#flushPorts = {
      store,
      insist,
      fence: async () => undefined,
      encode: () => nothing,
      producer: { append: async () => undefined, close: async () => undefined },
      settings: {
        eventsTopic: 'events',
        eventsPartitions: 4,
        writeConcurrencyMax: 32,
      } as SequencerSettings,
    };
  }

  /** Events and watermarks so far. */
  get events(): number {
    return this.#events;
  }

  /** One batch; what does not fit in `cacheBytesMax` afterwards is evicted: with 0, everything. */
  async batch(changes: readonly RowChange[], cacheBytesMax: number): Promise<void> {
    const ports = {
      store: this.#store,
      settledBelow: () => this.#offset * 1024,
      insist,
      flush: () => this.#flush(),
      publish: () => this.#publish(),
    };
    await readAhead(changes, this.workspace, ports);
    for (const change of changes) {
      const origin = {
        lsn: (this.#offset + 1) as Lsn,
        transactionId: 1,
        committedAt: 0,
        capturedAt: 0,
      };
      const isRead = change.operation === 'read';
      const rest = { origin, isNew: !isRead, isRead, sweep: null };
      const moments = [
        momentOf(0, this.#offset, 0, rest),
        momentOf(0, this.#offset, 1, rest),
      ] as const;
      this.#offset += 1;
      await runFold(foldChange(this.workspace, change, moments), this.workspace, ports);
    }
    await this.#flush();
    this.workspace.settle(cacheBytesMax);
    if (cacheBytesMax === 0) this.workspace.evictHints(0);
  }

  async #publish(): Promise<void> {
    this.#events += this.workspace.events.length;
    await publish(this.workspace, this.#flushPorts);
  }

  async #flush(): Promise<void> {
    await this.#publish();
    await writeState(takePending(this.workspace), this.#flushPorts);
  }
}
