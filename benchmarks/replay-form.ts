/**
 * One form of benchmarks/replay.bench.ts in a process of its own, so that the code is compiled for what this
 * process does, as in production. One whole pass makes it warm; then it waits until the database is done with
 * what came before, and measures a second pass. Prints one line, a FormResult.
 *
 * Arguments: the FormTask as JSON.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Registry } from 'prom-client';
import { stackAddresses } from '../local/stack.ts';
import { openLog, openLogBySmallFetches } from '../processor/commands/open-log.ts';
import { replaySettings } from '../processor/commands/open-replay.ts';
import { loadConfig } from '../processor/config.ts';
import { cutBatches } from '../processor/cql/batches.ts';
import { forEachBounded } from '../processor/cql/limiter.ts';
import { readModelStoreDefaults } from '../processor/cql/read-model-store.ts';
import { readModelStatements, type Statement } from '../processor/cql/statements.ts';
import { metricsObserver } from '../processor/engine/metrics-observer.ts';
import { silentObserver } from '../processor/engine/observer.ts';
import type { ReadModelStore, RowWrite, TotalsWrite } from '../processor/engine/store.ts';
import { createWorker, type WorkerDeps } from '../processor/engine/worker.ts';
import { readModelOf, type WorkerSettings } from '../processor/engine/worker-settings.ts';
import { eventCodec } from '../processor/event/codec.ts';
import { silentLogger } from '../processor/logger.ts';
import { createMetrics } from '../processor/metrics/metrics.ts';
import { memoryRegistry } from '../processor/source/memory-registry.ts';
import { projections as all } from '../projections/index.ts';
import { openRealWorld } from '../test/worker/real-world.ts';

export type FormTask = {
  readonly world: string;
  readonly partitions: number;
  readonly events: number;
  readonly form: 'live' | 'replay' | 'bare driver';
  readonly projections: readonly string[];
  /** No other process has this one or the three after it. */
  readonly generation: number;
};

export type FormResult = {
  readonly seconds: number;
  readonly rows: number;
  readonly batches: number;
  /** Of this process, during the measured pass. */
  readonly cpuSeconds: number;
  readonly rssMebibytes: number;
};

const task = JSON.parse(process.argv[2] ?? '{}') as FormTask;
// Settings of the environment hold, so that they can be tried.
const { config } = loadConfig({
  ...process.env,
  TURNSTREAM_EVENTS_PARTITIONS: String(task.partitions),
  TURNSTREAM_KAFKA_BROKERS: stackAddresses().kafka.brokers.join(','),
});
if (config === undefined) throw new Error('the settings are wrong');
const settingsOf = config;
const hosted = all.filter(({ name }) => task.projections.includes(name));
const world = await openRealWorld(all, task.partitions, { id: task.world });
let { generation } = task;

function formDeps(): Partial<WorkerDeps> {
  if (task.form === 'live') {
    const metrics = createMetrics(new Registry(), { processMetrics: false });
    return {
      log: openLog(settingsOf.kafka, silentLogger),
      observer: metricsObserver(metrics),
    };
  }
  const codec = eventCodec(memoryRegistry(), 1);
  return {
    log: openLogBySmallFetches(settingsOf.kafka, silentLogger),
    observer: { ...silentObserver, measuresEvents: false },
    decoder: codec.reading(new Set(hosted.flatMap((each) => each.of))),
  };
}

function formSettings(): Partial<WorkerSettings> {
  if (task.form === 'live') return settingsOf.worker;
  const {
    eventsTopic: _topic,
    deadLettersTopic: _letters,
    ...settings
  } = replaySettings(settingsOf, hosted);
  return settings;
}

setFlagsFromString('--expose-gc');
/** Nothing of the warming is in the heap. */
const collect = runInNewContext('gc') as () => void;

/** Seconds from the first assignment, so that joining the group is left out and every event is in. */
async function seconds(store: ReadModelStore = world.deps.store): Promise<number> {
  generation += 1;
  const models = hosted.map((projection) => ({
    projection,
    generation,
    isNew: task.form !== 'live',
  }));
  await world.deps.store.ensure(models.map(readModelOf));
  const settings: WorkerSettings = {
    ...world.settings,
    ...formSettings(),
    group: `${world.settings.group}.${generation}`,
    hosted: models,
  };
  const worker = createWorker({ ...world.deps, store, ...formDeps() }, settings);
  collect();
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const look = () => Promise.race([running, new Promise((resolve) => setTimeout(resolve, 10))]);
  while (worker.status().epoch === null) await look();
  const startedAtMs = performance.now();
  const isDone = () =>
    worker.status().projections.every(({ partitions: held }) => {
      const read = held.reduce((sum, { reached }) => sum + reached.offset, 0);
      return held.length === task.partitions && read >= task.events;
    });
  while (!isDone()) await look();
  const took = (performance.now() - startedAtMs) / 1000;
  stop.abort();
  await running;
  return took;
}

/** What a pass writes, as the driver takes it: call by call, batch by batch, into the generation after it. */
function recording() {
  const { keyspace } = world.cql;
  const calls: (readonly Statement[])[] = [];
  let rows = 0;
  const record = (
    writes: readonly (RowWrite | TotalsWrite)[],
    width: number,
    statementOf: (write: never) => Statement,
  ) => {
    const groups = new Map<string, Statement[]>();
    for (const write of writes) {
      const name = JSON.stringify(write.key.slice(0, width));
      const group = groups.get(name) ?? [];
      groups.set(name, group);
      group.push(statementOf(write as never));
    }
    rows += writes.length;
    calls.push(...cutBatches(groups.values(), readModelStoreDefaults));
  };
  const { store: own } = world.deps;
  const store: ReadModelStore = {
    ensure: (models) => own.ensure(models),
    loadTotals: (model, shard, keys) => own.loadTotals(model, shard, keys),
    writeRows: async (model, writes) => {
      const target = { ...model, generation: model.generation + 1 };
      const { upsert, remove } = readModelStatements(keyspace, target);
      record(writes, model.shape.partition.length, (write: RowWrite) =>
        write.op === 'upsert'
          ? upsert(write.key, write.values, write.position)
          : remove(write.key, write.position),
      );
      await own.writeRows(model, writes);
    },
    writeTotals: async (model, writes) => {
      const { upsertTotals } = readModelStatements(keyspace, {
        ...model,
        generation: model.generation + 1,
      });
      record(writes, model.shape.partition.length, (write: TotalsWrite) =>
        upsertTotals(write.key, write.shard, write.totals, write.position),
      );
      await own.writeTotals(model, writes);
    },
  };
  return { store, batches: calls, rows: () => rows };
}

/** As many batches at a time as a store has under way. */
async function bareSeconds(batches: readonly (readonly Statement[])[]): Promise<number> {
  const { client } = world.cql.session;
  // 6: LOCAL_QUORUM, as the stores ask for.
  const writing = { prepare: true, consistency: 6, isIdempotent: true, logged: false };
  collect();
  const startedAtMs = performance.now();
  await forEachBounded(batches, readModelStoreDefaults.callsInFlightMax, async (batch) => {
    const [only, ...more] = batch;
    if (only !== undefined && more.length === 0) {
      await client.execute(only.query, [...only.params], writing);
    } else {
      const statements = batch.map(({ query, params }) => ({ query, params: [...params] }));
      await client.batch(statements, writing);
    }
  });
  return (performance.now() - startedAtMs) / 1000;
}

/** Until the database neither compacts nor flushes what earlier passes wrote, a minute at most. */
async function quiet(): Promise<void> {
  const { client } = world.cql.session;
  let calm = 0;
  for (let looks = 0; looks < 240 && calm < 4; looks += 1) {
    const { rows } = await client.execute('SELECT * FROM system_views.sstable_tasks');
    calm = rows.length === 0 ? calm + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function measured(pass: () => Promise<number>) {
  await quiet();
  const before = process.cpuUsage();
  const took = await pass();
  const { user, system } = process.cpuUsage(before);
  return { seconds: took, cpuSeconds: (user + system) / 1e6 };
}

async function result(): Promise<FormResult> {
  const { store, batches, rows } = recording();
  if (task.form === 'bare driver') {
    await seconds(store);
    const models = hosted.map(({ shape }) => ({ shape, generation: generation + 1 }));
    await world.deps.store.ensure(models);
    await bareSeconds(batches);
  } else {
    await seconds();
  }
  const pass = task.form === 'bare driver' ? () => bareSeconds(batches) : () => seconds();
  const rssMebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
  const figures = await measured(pass);
  return { ...figures, rows: rows(), batches: batches.length, rssMebibytes: rssMebibytes() };
}

console.log(JSON.stringify(await result()));
await world.release();
