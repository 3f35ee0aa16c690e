/**
 * How fast a replay is, on the local stack, from a topic filled beforehand with conversations that go on
 * at the same time. In one run, so that the ratios hold on a machine that has other work:
 *
 * - a live worker that builds one generation at a time, with the settings of `turnstream run`;
 * - a replay of one generation, and one pass for all of them, with those of `turnstream replay`;
 * - the bare driver, which writes what that pass wrote, in the same batches.
 *
 * Wanted: a replay of all is at least 3 times as fast as the live worker, one generation after the other,
 * and takes at most 1 / 0.6 of the bare driver's time.
 * Run: `make up`, then `npx tsx benchmarks/replay.bench.ts [turns] [rounds]`.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Registry } from 'prom-client';
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
import type { ConversationEvent } from '../processor/event/event.ts';
import { createMetrics } from '../processor/metrics/metrics.ts';
import type { Projection } from '../processor/projection/projection.ts';
import { memoryRegistry } from '../processor/source/memory-registry.ts';
import type { Position } from '../processor/source/position.ts';
import { projections } from '../projections/index.ts';
import { openRealWorld } from '../test/worker/real-world.ts';
import { type SyntheticEvent, synthesise } from '../test/worker/synthetic.ts';

const turns = Number(process.argv[2] ?? 12_000);
const rounds = Number(process.argv[3] ?? 2);
const partitions = 4;
const chunkEvents = 5_000;
/** Conversations that go on at the same time. */
const concurrent = 400;

// Settings of the environment hold, so that they can be tried.
const { config } = loadConfig({
  ...process.env,
  TURNSTREAM_EVENTS_PARTITIONS: String(partitions),
});
if (config === undefined) throw new Error('the settings are wrong');
const codec = eventCodec(memoryRegistry(), 1);
const world = await openRealWorld(projections, partitions);
const eventsTotal = await fill();
let generation = 1;

type Form = {
  readonly name: 'live' | 'replay';
  readonly deps: (hosted: readonly Projection[]) => Partial<WorkerDeps>;
  readonly settings: (hosted: readonly Projection[]) => Partial<WorkerSettings>;
};

const live: Form = {
  name: 'live',
  deps: () => ({
    observer: metricsObserver(createMetrics(new Registry(), { processMetrics: false })),
  }),
  settings: () => config.worker,
};

const replay: Form = {
  name: 'replay',
  deps: (hosted) => ({
    observer: { ...silentObserver, measuresEvents: false },
    decoder: codec.reading(new Set(hosted.flatMap((each) => each.of))),
  }),
  settings: (hosted) => {
    const {
      eventsTopic: _topic,
      deadLettersTopic: _letters,
      ...settings
    } = replaySettings(config, hosted);
    return settings;
  },
};

setFlagsFromString('--expose-gc');
/** Nothing of what was measured before is in the heap, as in a process of its own. */
const collect = runInNewContext('gc') as () => void;

/** Seconds from the first assignment, so that joining the group is left out and every event is in. */
async function seconds(
  form: Form,
  hosted: readonly Projection[],
  store: ReadModelStore = world.deps.store,
): Promise<number> {
  generation += 1;
  const models = hosted.map((projection) => ({
    projection,
    generation,
    isNew: form.name === 'replay',
  }));
  await world.deps.store.ensure(models.map(readModelOf));
  const settings: WorkerSettings = {
    ...world.settings,
    ...form.settings(hosted),
    group: `${world.settings.group}.${generation}`,
    hosted: models,
  };
  const worker = createWorker({ ...world.deps, store, ...form.deps(hosted) }, settings);
  collect();
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const look = () => Promise.race([running, new Promise((resolve) => setTimeout(resolve, 5))]);
  while (worker.status().epoch === null) await look();
  const startedAtMs = performance.now();
  const isDone = () =>
    worker.status().projections.every(({ partitions: held }) => {
      const read = held.reduce((sum, { reached }) => sum + reached.offset, 0);
      return held.length === partitions && read >= eventsTotal;
    });
  while (!isDone()) await look();
  const took = (performance.now() - startedAtMs) / 1000;
  stop.abort();
  await running;
  return took;
}

/** What a replay writes, as the driver takes it: call by call, batch by batch. */
function recording() {
  const { keyspace } = world.cql;
  const calls: (readonly (readonly Statement[])[])[] = [];
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
    calls.push([...cutBatches(groups.values(), readModelStoreDefaults)]);
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
  return { store, calls, rows: () => rows };
}

/** As many calls at a time as a replay has partitions and read models. */
async function bareSeconds(calls: readonly (readonly (readonly Statement[])[])[]): Promise<number> {
  generation += 1;
  const models = projections.map(({ shape }) => ({ shape, generation }));
  await world.deps.store.ensure(models);
  const { client } = world.cql.session;
  // 6: LOCAL_QUORUM, as the stores ask for.
  const writing = { prepare: true, consistency: 6, isIdempotent: true, logged: false };
  const batches = calls.flat();
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

async function fill(): Promise<number> {
  const events = interleaved(synthesise(turns, partitions, Date.now()).events);
  for (let start = 0; start < events.length; start += chunkEvents) {
    const chunk = events.slice(start, start + chunkEvents);
    await world.append(chunk.map(({ partition, event }) => ({ partition, entry: event })));
  }
  return events.length;
}

/** Event by event of many conversations in turn; positions rise as they stand. */
function interleaved(events: readonly SyntheticEvent[]): readonly SyntheticEvent[] {
  const bySession = new Map<string, SyntheticEvent[]>();
  for (const each of events) {
    const session = bySession.get(each.event.sessionUid) ?? [];
    bySession.set(each.event.sessionUid, session);
    session.push(each);
  }
  const waiting = [...bySession.values()].map((all) => [...all]).toReversed();
  const going: SyntheticEvent[][] = [];
  const result: SyntheticEvent[] = [];
  for (;;) {
    while (going.length < concurrent) {
      const next = waiting.pop();
      if (next === undefined) break;
      going.push(next);
    }
    if (going.length === 0) return result;
    for (const [at, session] of [...going.entries()].toReversed()) {
      const next = session.shift();
      if (next === undefined) going.splice(at, 1);
      else {
        const event: ConversationEvent = {
          ...next.event,
          position: (result.length * 1024) as Position,
        };
        result.push({ partition: next.partition, event });
      }
    }
  }
}

const perSecond = (count: number, took: number) => Math.round(count / took);
const ratio = (one: number, other: number) => Number((one / other).toFixed(2));

/** The tables' statements are prepared and the code is warm. */
await seconds(replay, projections);
for (let round = 1; round <= rounds; round += 1) {
  const single: Record<string, object> = {};
  let liveSeconds = 0;
  for (const projection of projections) {
    const slow = await seconds(live, [projection]);
    const fast = await seconds(replay, [projection]);
    liveSeconds += slow;
    single[projection.name] = {
      liveEventsPerSecond: perSecond(eventsTotal, slow),
      replayEventsPerSecond: perSecond(eventsTotal, fast),
      ratio: ratio(slow, fast),
    };
  }
  // Before the recording, whose statements all stay in memory.
  const alone = await seconds(replay, projections);
  const { store, calls, rows } = recording();
  const passSeconds = await seconds(replay, projections, store);
  const bare = await bareSeconds(calls);
  console.log(
    JSON.stringify({
      round,
      events: eventsTotal,
      rows: rows(),
      batches: calls.flat().length,
      single,
      onePass: {
        eventsPerSecond: perSecond(eventsTotal, alone),
        rowsPerSecond: perSecond(rows(), alone),
        recordedSeconds: Number(passSeconds.toFixed(2)),
      },
      bareDriver: { rowsPerSecond: perSecond(rows(), bare) },
      timesTheLiveWorker: ratio(liveSeconds, alone),
      shareOfTheBareDriver: ratio(bare, alone),
      rssMebibytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
    }),
  );
}
await world.close();
