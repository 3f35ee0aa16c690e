/**
 * A reader that looks all the while at rows that nobody changes, as a screen would: CQL partition by
 * CQL partition, key by key. None may ever be missing or different, whatever happens to capture.
 * What it expects comes from the judge, so from SQL.
 */
import { stackAddresses } from '../../../local/stack.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../../processor/cql/cluster.ts';
import { readPartition, readTotalsPartition } from '../../../processor/cql/read.ts';
import type { ReadModel } from '../../../processor/engine/store.ts';
import type { Cell } from '../../../processor/projection/columns.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import { pause } from '../../support/wait.ts';
import { collect, type JudgedRow, type JudgedRows } from './judge.ts';
import { describeDifference, difference, isEqual, summedOverShards } from './judge-difference.ts';

const rowsMax = 10_000;
/** Of each read model: so few that each of them is looked at often. */
const partitionsMax = 100;
/** One look after the other, with the other work of the machine in between. */
const pauseMs = 20;

type Watched = {
  readonly model: ReadModel;
  readonly partition: readonly Cell[];
  readonly expected: JudgedRows;
};

export class SteadyReader {
  readonly #keyspace: string;
  /** Which build of a read model its readers use now. */
  readonly #live: (model: ReadModel) => Promise<ReadModel>;
  readonly #watched: Watched[] = [];
  #session: DriverSession | undefined;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  /** Partitions read and found as they should be. */
  looks = 0;
  /** What was missing or different at first; the reader ends with it. */
  gap: string | null = null;

  constructor(keyspace: string, live = async (model: ReadModel) => model) {
    this.#keyspace = keyspace;
    this.#live = live;
  }

  /** Watches the first CQL partitions of these rows, whole. */
  watch(model: ReadModel, rows: Iterable<JudgedRow>): void {
    const partitions = new Map<string, JudgedRow[]>();
    const width = model.shape.partition.length;
    for (const row of rows) {
      const name = keyTextOf(row.key.slice(0, width));
      const same = partitions.get(name);
      if (same === undefined) partitions.set(name, [row]);
      else same.push(row);
    }
    for (const same of [...partitions.values()].slice(0, partitionsMax)) {
      const partition = same[0]?.key.slice(0, width) ?? [];
      this.#watched.push({ model, partition, expected: collect(same) });
    }
  }

  get partitions(): number {
    return this.#watched.length;
  }

  async start(): Promise<void> {
    const { contactPoints, port, datacenter } = stackAddresses().cql;
    const options = { ...cqlDefaults, contactPoints, port, localDataCenter: datacenter };
    this.#session = await connectCql(options);
    this.#running = this.#run(this.#session);
    // It is awaited in `stop`.
    this.#running.catch(() => undefined);
  }

  async #run(session: DriverSession): Promise<void> {
    while (!this.#stopped && this.gap === null) {
      for (const watched of this.#watched) {
        const found = difference(watched.expected, await this.#read(session, watched));
        if (isEqual(found)) this.looks += 1;
        else this.gap ??= describeDifference(watched.model.shape.projection, found);
      }
      await pause(pauseMs);
    }
  }

  async #read(session: DriverSession, watched: Watched): Promise<JudgedRows> {
    const { partition } = watched;
    const model = await this.#live(watched.model);
    if (model.shape.kind === 'map') {
      return collect(await readPartition(session, this.#keyspace, model, partition, rowsMax));
    }
    const rows = await readTotalsPartition(session, this.#keyspace, model, partition, rowsMax);
    return summedOverShards(rows.map(({ key, totals }) => ({ key, values: totals })));
  }

  /** Rejects when a read failed: a reader that could not look has seen nothing. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#session?.close();
  }
}
