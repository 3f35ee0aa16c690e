/**
 * What a replay would read, and about how long it would take: counts from the log and the checkpoints of
 * an unfinished build, and a short sample that reads and folds and forgets. Nothing is written anywhere.
 */
import { anySignal } from '../engine/any-signal.ts';
import type { Until } from '../engine/generations.ts';
import { silentObserver } from '../engine/observer.ts';
import type { CheckpointStore, ReadModelStore } from '../engine/store.ts';
import { createWorker } from '../engine/worker.ts';
import type { Log } from '../kafka/log.ts';
import type { Projection } from '../projection/projection.ts';
import { modelOf, unfinished } from './choose.ts';
import type { ReplayPorts, ReplaySettings } from './ports.ts';

export type DryRun = {
  readonly projection: string;
  /** It would go on with an unfinished build. */
  readonly resumes: boolean;
  readonly partitions: readonly {
    readonly partition: number;
    /** Records that are still to be read. */
    readonly records: number;
  }[];
  readonly records: number;
};

export type Sample = {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
};

export async function plannedReads(
  { log, generations, checkpoints }: Pick<ReplayPorts, 'log' | 'generations' | 'checkpoints'>,
  { eventsTopic }: Pick<ReplaySettings, 'eventsTopic'>,
  projections: readonly Projection[],
  until: Until | null,
): Promise<readonly DryRun[]> {
  const admin = await log.admin();
  try {
    const ends = await admin.endOffsets(eventsTopic);
    const planned: DryRun[] = [];
    for (const projection of projections) {
      const left = await unfinished(generations, projection, until);
      const from = left === null ? new Map() : await checkpoints.load(modelOf(projection, left));
      const partitions = ends.map((end, partition) => {
        return { partition, records: Math.max(0, end - (from.get(partition)?.offset ?? 0)) };
      });
      const records = partitions.reduce((sum, each) => sum + each.records, 0);
      planned.push({ projection: projection.name, resumes: left !== null, partitions, records });
    }
    return planned;
  } finally {
    await admin.close();
  }
}

const forgetful: ReadModelStore & CheckpointStore = {
  ensure: async () => undefined,
  writeRows: async () => undefined,
  writeTotals: async () => undefined,
  loadTotals: async (_model, _shard, keys) => keys.map(() => null),
  load: async () => new Map(),
  save: async () => undefined,
};

/** From the beginning of the store, for so long or to its end. Null when nothing was read. */
export async function sampledRate(
  ports: ReplayPorts,
  settings: ReplaySettings,
  projections: readonly Projection[],
  sampleMs: number,
  signal: AbortSignal,
): Promise<Sample | null> {
  const { clock } = ports;
  let [records, beganAtMs, endedAtMs] = [0, 0, 0];
  const worker = createWorker(
    {
      ...ports,
      log: readOnly(ports.log),
      store: forgetful,
      checkpoints: forgetful,
      letters: noLetters,
      decoder: ports.decoder.reading(new Set(projections.flatMap((each) => each.of))),
      observer: {
        ...silentObserver,
        measuresEvents: false,
        rebalanced: () => {
          beganAtMs = clock.nowMs();
        },
        finished: (batch) => {
          records += batch.records;
          endedAtMs = batch.acknowledgedAtMs;
        },
      },
    },
    {
      ...settings,
      group: `${settings.groupPrefix}.dry-run.${settings.owner}`,
      hosted: projections.map((projection) => ({ projection, generation: 0, isNew: true })),
      // Nobody goes on from here.
      checkpointIntervalMs: 1_000_000_000,
      batchRecordsMax: Math.min(settings.batchRecordsMax, sampleRecordsMax),
      drainMsMax: 0,
    },
  );
  const stop = anySignal(signal);
  const running = worker.run(stop.signal);
  const failed = running.then(() => undefined);
  const atEnd = () => isAtEnd(worker.status().projections[0]?.partitions ?? []);
  while (!stop.signal.aborted && !atEnd()) {
    if (beganAtMs > 0 && clock.nowMs() - beganAtMs > sampleMs) break;
    await Promise.race([clock.delay(lookMs, stop.signal), failed]);
  }
  stop.abort();
  stop.release();
  await running;
  const seconds = Math.max(0.001, (endedAtMs - beganAtMs) / 1000);
  return records === 0 ? null : { records, seconds, recordsPerSecond: records / seconds };
}

/** Where a partition ends is known with its first fetch: before that nothing has come to an end. */
export function isAtEnd(
  held: readonly {
    readonly reached: { readonly offset: number };
    readonly endOffset: number | null;
  }[],
): boolean {
  const isRead = ({ reached, endOffset }: (typeof held)[number]) =>
    endOffset !== null && reached.offset >= endOffset;
  return held.length > 0 && held.every(isRead);
}

function readOnly(log: Log): Log {
  return {
    admin: () => log.admin(),
    producer: async () => ({ append: async () => undefined, close: async () => undefined }),
    consumer: async (group, topic) => {
      const consumer = await log.consumer(group, topic);
      return {
        run: (handlers) => consumer.run(handlers),
        restart: () => consumer.restart(),
        commit: async () => 'committed',
        stop: () => consumer.stop(),
      };
    },
  };
}

const lookMs = 50;
/** Small ones, so that a sample of a few seconds has many of them. */
const sampleRecordsMax = 2000;

const noLetters = {
  add: async () => undefined,
  decide: async () => undefined,
  read: async () => null,
  pages: async function* () {
    yield* [];
  },
};
