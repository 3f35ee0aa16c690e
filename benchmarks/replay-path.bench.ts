/**
 * What a replay costs without any server: events per second through decoding, folding and
 * consolidating, with a log in memory and a store that forgets, as a live worker does it and as a
 * replay does, one read model at a time and all of them in one pass. Rates of one run, so the
 * ratios hold on a machine that has other work.
 * Run: `npx tsx benchmarks/replay-path.bench.ts [turns]`, with `node --import tsx --cpu-prof` for a profile.
 */

import { Registry } from 'prom-client';
import { systemClock } from '../processor/commands/system-clock.ts';
import { MemoryLetters } from '../processor/engine/memory-letters.ts';
import { metricsObserver } from '../processor/engine/metrics-observer.ts';
import { silentObserver, type WorkerObserver } from '../processor/engine/observer.ts';
import type { CheckpointStore, ReadModelStore } from '../processor/engine/store.ts';
import type { EntryDecoder } from '../processor/engine/taken-record.ts';
import { createWorker } from '../processor/engine/worker.ts';
import { type WorkerSettings, workerDefaults } from '../processor/engine/worker-settings.ts';
import { eventCodec } from '../processor/event/codec.ts';
import { MemoryLog } from '../processor/kafka/memory-log.ts';
import { silentLogger } from '../processor/logger.ts';
import { createMetrics } from '../processor/metrics/metrics.ts';
import type { Projection } from '../processor/projection/projection.ts';
import { projections } from '../projections/index.ts';
import { synthesise } from '../test/worker/synthetic.ts';

const turns = Number(process.argv[2] ?? 12_000);
const partitions = 4;
const rounds = 3;

const codec = eventCodec(
  {
    schema: () => Promise.resolve(undefined),
    register: () => Promise.resolve(1),
    setCompatibility: () => Promise.resolve(),
  },
  1,
);

let rows = 0;
const forgetting: ReadModelStore & CheckpointStore = {
  ensure: async () => undefined,
  writeRows: async (_, writes) => {
    rows += writes.length;
  },
  writeTotals: async (_, writes) => {
    rows += writes.length;
  },
  loadTotals: async (_model, _shard, keys) => keys.map(() => null),
  load: async () => new Map(),
  save: async () => undefined,
};

type Form = {
  readonly name: string;
  readonly observer: () => WorkerObserver;
  readonly settings: Partial<WorkerSettings>;
  readonly decoder: (hosted: readonly Projection[]) => EntryDecoder;
};

const live: Form = {
  name: 'live',
  observer: () => metricsObserver(createMetrics(new Registry(), { processMetrics: false })),
  settings: {},
  decoder: () => codec,
};
const replay: Form = {
  name: 'replay',
  observer: () => ({ ...silentObserver, measuresEvents: false }),
  settings: {
    batchRecordsMax: 50_000,
    batchRowsMax: 20_000,
    checkpointIntervalMs: 2000,
    bytesInFlightMax: 128 * 2 ** 20,
    gatherMsMax: 1000,
    decodesLate: true,
  },
  decoder: (hosted) => codec.reading(new Set(hosted.flatMap((projection) => projection.of))),
};

const log = new MemoryLog({ now: () => Date.now(), batchRecordsMax: 2_000 });
const total = await fill();

async function fill(): Promise<number> {
  const admin = await log.admin();
  const topic = (name: string, count: number) => {
    return { topic: name, partitions: count, replicationFactor: 1, config: {} };
  };
  await admin.ensureTopics([topic('events', partitions), topic('letters', 1)]);
  const producer = await log.producer();
  const { events } = synthesise(turns, partitions, Date.now());
  await producer.append(
    events.map(({ partition, event }) => ({
      topic: 'events',
      partition,
      key: null,
      value: codec.encode(event),
    })),
  );
  return events.length;
}

async function seconds(
  form: Form,
  hosted: readonly Projection[],
): Promise<{ seconds: number; rows: number }> {
  rows = 0;
  const stop = new AbortController();
  const worker = createWorker(
    {
      log,
      store: forgetting,
      checkpoints: forgetting,
      letters: new MemoryLetters(),
      decoder: form.decoder(hosted),
      clock: systemClock,
      random: Math.random,
      observer: form.observer(),
      logger: silentLogger,
    },
    {
      ...workerDefaults,
      group: `${form.name}-${Math.random()}`,
      eventsTopic: 'events',
      deadLettersTopic: 'letters',
      partitions,
      hosted: hosted.map((projection) => ({ projection, generation: 1, isNew: form === replay })),
      ...form.settings,
    },
  );
  const started = process.cpuUsage();
  const running = worker.run(stop.signal);
  const done = () => {
    const found = worker.status().projections;
    return found.every(
      ({ partitions: held }) =>
        held.length === partitions &&
        held.reduce((sum, { reached }) => sum + reached.offset, 0) >= total,
    );
  };
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
  const { user, system } = process.cpuUsage(started);
  stop.abort();
  await running;
  return { seconds: (user + system) / 1e6, rows };
}

const cases: readonly (readonly [string, readonly Projection[]])[] = [
  ...projections.map((one) => [one.name, [one]] as const),
  ['all', projections] as const,
];
for (let round = 0; round < rounds; round += 1) {
  for (const [name, hosted] of cases) {
    const found = [];
    for (const form of [live, replay]) {
      const { seconds: cpu, rows: written } = await seconds(form, hosted);
      found.push(`${form.name} ${((cpu * 1e6) / total).toFixed(1)} us/event, ${written} rows`);
    }
    console.log(`${name}: ${total} events; ${found.join('; ')}`);
  }
}
