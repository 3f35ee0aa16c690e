/**
 * Is the memory of a process that runs for ever steady? A million row changes, of conversations that
 * come and go, through the product's sequencer and worker in one process: decoding left out, fold,
 * event codec, projections, caches, everything that holds on to something. What is around it forgets
 * (memory/): the log keeps nothing, the store of the state is in a thread with a heap of its own that
 * is not counted, that of the totals is small. The caches are so small that they are full long before
 * the end. Every 100,000 changes the heap is measured after a collection.
 * Run: `npm run bench:memory`, `-- --sequencer` for the sequencer alone, `-- --changes 200000`.
 *
 * Exit code 1 when the last third of the run holds more than the second by more than a tenth.
 */
import { Registry } from 'prom-client';
import { systemClock } from '../processor/commands/system-clock.ts';
import { foldDefaults } from '../processor/conversation/limits.ts';
import { MemoryLetters } from '../processor/engine/memory-letters.ts';
import { metricsObserver } from '../processor/engine/metrics-observer.ts';
import { createWorker } from '../processor/engine/worker.ts';
import { workerDefaults } from '../processor/engine/worker-settings.ts';
import { eventCodec } from '../processor/event/codec.ts';
import type { LogRecord } from '../processor/kafka/log.ts';
import { silentLogger } from '../processor/logger.ts';
import { createMetrics } from '../processor/metrics/metrics.ts';
import { silentObserver } from '../processor/sequencer/observer.ts';
import { runSequencer } from '../processor/sequencer/run.ts';
import type { SequencerSettings } from '../processor/sequencer/settings.ts';
import type { Lsn } from '../processor/source/lsn.ts';
import type { RowChange, SourceRecord } from '../processor/source/row-change.ts';
import { projections } from '../projections/index.ts';
import { ConveyorLog } from './memory/conveyor-log.ts';
import { endlessChanges } from './memory/endless-conversations.ts';
import { RollingReadModels } from './memory/rolling-stores.ts';
import { startStoreThread } from './memory/store-thread.ts';

const MIB = 2 ** 20;
const flags = process.argv.slice(2);
const isSequencerAlone = flags.includes('--sequencer');
const at = flags.indexOf('--changes');
const changesMax = at === -1 ? 1_000_000 : Number(flags[at + 1]);
const sampleChanges = changesMax / 10;
const batchChanges = 500;
const heartbeatChanges = 5_000;
const liveSessions = 3_000;
const partitions = 4;
const growthMax = 1.1;

const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run it with node --expose-gc');

const settings: SequencerSettings = {
  changesTopic: 'changes',
  eventsTopic: 'events',
  deadLettersTopic: 'dead-letters',
  group: 'sequencer',
  eventsPartitions: partitions,
  positionBase: 0,
  batchRecordsMax: 2_000,
  batchBytesMax: 8 * MIB,
  bytesInFlightMax: 8 * MIB,
  cacheBytesMax: 16 * MIB,
  hintsMax: 10_000,
  ...foldDefaults,
  pendingEventsMax: 4_000,
  writeConcurrencyMax: 32,
  idleWatermarkMs: 1_000,
  retryDelayMsMin: 50,
  retryDelayMsMax: 10_000,
  drainMsMax: 20_000,
};

/** What a record says stands beside it: decoding Debezium's bytes is measured elsewhere. */
const said = new WeakMap<LogRecord, SourceRecord>();
const value = Buffer.alloc(500);
const changes = endlessChanges(liveSessions, Date.parse('2026-03-01T00:00:00Z'));
const startedAt = performance.now();
const held: number[] = [];
const state = startStoreThread();
const readModels = new RollingReadModels(2_000);
const ended = new AbortController();

const log = new ConveyorLog({
  changesTopic: settings.changesTopic,
  eventsPartitions: partitions,
  next: nextRecords,
  waitingMax: 5_000,
  hasReader: !isSequencerAlone,
});

async function nextRecords(offset: number): Promise<readonly LogRecord[]> {
  if (offset > 0 && offset % sampleChanges === 0) held.push(await sample(offset));
  // Others have their turn: a log is never read without input and output.
  await systemClock.yield();
  if (offset >= changesMax) {
    ended.abort();
    return [];
  }
  if (offset > 0 && offset % 100_000 === 0) await state.turn();
  return Array.from({ length: batchChanges }, (_, index) => recordOf(offset + index));
}

function recordOf(offset: number): LogRecord {
  const nowMs = Date.now();
  const origin = {
    lsn: (offset + 1) as Lsn,
    transactionId: offset,
    committedAt: nowMs,
    capturedAt: nowMs,
  };
  const record = { offset, timestampMs: nowMs, key: null, value, headers: {} };
  said.set(
    record,
    offset % heartbeatChanges === 0
      ? { kind: 'heartbeat', origin }
      : { kind: 'row', change: changes.next().value as RowChange, origin, snapshot: null },
  );
  return record;
}

/** What is held, in bytes. */
async function sample(offset: number): Promise<number> {
  collect?.();
  await systemClock.yield();
  collect?.();
  const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage();
  const mebibytes = (bytes: number) => Number((bytes / MIB).toFixed(1));
  const taken = {
    changes: offset,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    heapUsedMiB: mebibytes(heapUsed),
    externalMiB: mebibytes(external),
    arrayBuffersMiB: mebibytes(arrayBuffers),
    rssMiB: mebibytes(rss),
    rowsWritten: readModels.rowsWritten,
  };
  console.log(JSON.stringify(taken));
  return heapUsed + external;
}

const codec = eventCodec(
  {
    schema: () => Promise.resolve(undefined),
    register: () => Promise.resolve(1),
    setCompatibility: () => Promise.resolve(),
  },
  1,
);
const shared = {
  log,
  clock: systemClock,
  random: Math.random,
  logger: silentLogger,
  letters: new MemoryLetters(),
};
const sequencer = runSequencer(
  {
    ...shared,
    store: state,
    decoder: {
      load: async () => undefined,
      decode: (record) => said.get(record) as SourceRecord,
    },
    encodeSweep: () => Buffer.alloc(0),
    encode: codec.encode,
    observer: silentObserver,
  },
  settings,
  ended.signal,
);
const metrics = createMetrics(new Registry(), { processMetrics: false });
const worker = isSequencerAlone
  ? Promise.resolve()
  : createWorker(
      {
        ...shared,
        store: readModels,
        checkpoints: readModels,
        decoder: codec,
        observer: metricsObserver(metrics),
      },
      {
        ...workerDefaults,
        bytesInFlightMax: 8 * MIB,
        totalsCacheEntriesMax: 1_000,
        group: 'worker',
        eventsTopic: settings.eventsTopic,
        deadLettersTopic: settings.deadLettersTopic,
        partitions,
        hosted: projections.map((projection) => ({ projection, generation: 1 })),
      },
    ).run(ended.signal);
await Promise.all([sequencer, worker]);
await state.close();

/** The mean of a third of the samples, from the first. */
function meanOf(third: 1 | 2): number {
  const size = Math.floor(held.length / 3);
  const from = third === 1 ? held.length - 2 * size : held.length - size;
  const some = held.slice(from, from + size);
  return some.reduce((sum, bytes) => sum + bytes, 0) / some.length;
}
const growth = meanOf(2) / meanOf(1);
console.log(JSON.stringify({ growthOfTheLastThird: Number(growth.toFixed(3)) }));
if (!(growth <= growthMax)) {
  console.error(`The last third holds ${growth.toFixed(2)} times what the second held.`);
  process.exitCode = 1;
}
