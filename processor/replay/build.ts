/**
 * The building of generations: the worker's own code (engine/worker.ts) in a consumer group of its own,
 * with larger batches, over a log that may be throttled or cut. One pass over the events serves all
 * targets. It resumes from the targets' checkpoints, and goes on until it is stopped.
 */

import { anySignal } from '../engine/any-signal.ts';
import { generationName } from '../engine/generations.ts';
import { silentObserver, type WorkerObserver } from '../engine/observer.ts';
import type { Checkpoint, CheckpointStore } from '../engine/store.ts';
import { createWorker } from '../engine/worker.ts';
import type { ProjectionStatus } from '../engine/worker-status.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { boundedLog } from './bounded-log.ts';
import { modelOf, type Target } from './choose.ts';
import { guarded } from './guarded.ts';
import type { ReplayOptions, ReplayPorts, ReplaySettings } from './ports.ts';
import { throttledLog } from './throttled-log.ts';

export type Build = {
  status(target: Target): ProjectionStatus;
  /** Rejects when nothing goes on any more. */
  readonly failed: Promise<never>;
  /** Writes what is in hand and saves the checkpoints, unless it may not write any more. */
  stop(): Promise<void>;
};

export type BuildScope = {
  readonly targets: readonly Target[];
  readonly options: Pick<ReplayOptions, 'until' | 'eventsPerSecondMax'>;
  /** Aborted: nothing may be written any more. */
  readonly lost: AbortSignal;
  readonly observer?: Partial<WorkerObserver>;
};

export function startBuild(ports: ReplayPorts, settings: ReplaySettings, scope: BuildScope): Build {
  const { targets, lost } = scope;
  const { groupPrefix } = settings;
  const stores = guarded(ports, lost);
  const worker = createWorker(
    {
      ...ports,
      ...stores,
      log: logOf(ports, settings, scope),
      decoder: ports.decoder.reading(new Set(targets.flatMap(({ projection }) => projection.of))),
      observer: { ...silentObserver, measuresEvents: false, ...scope.observer },
    },
    {
      ...settings,
      group: [groupPrefix, ...targets.map(({ id }) => generationName(id))].join('.'),
      hosted: targets.map(({ projection, id, isNew }) => ({
        projection,
        generation: id.generation,
        isNew,
      })),
    },
  );
  const ending = anySignal(lost);
  const running = worker.run(ending.signal);
  const failed = running.then(
    () => new Promise<never>(() => undefined),
    (thrown: unknown) => Promise.reject(readable(thrown)),
  );
  // Whoever looks awaits it; a stop does not.
  failed.catch(() => undefined);
  const status = ({ projection }: Target): ProjectionStatus => {
    const found = worker.status().projections.find((each) => each.projection === projection.name);
    if (found === undefined) throw new Error(`${projection.name} is not hosted`);
    return found;
  };
  return {
    status,
    failed,
    async stop() {
      ending.release();
      ending.abort();
      await running.catch(() => undefined);
    },
  };
}

function logOf(
  ports: ReplayPorts,
  { threads = 1 }: ReplaySettings,
  { targets, options }: BuildScope,
) {
  const { until, eventsPerSecondMax } = options;
  const { clock, checkpoints, decoder } = ports;
  const { watermarkOf } = decoder;
  const reached = () => slowest(checkpoints, targets);
  const bounded =
    until === null ? ports.log : boundedLog(ports.log, { until, reached, watermarkOf });
  if (eventsPerSecondMax === null) return bounded;
  const recordsPerSecondMax = Math.max(1, Math.floor(eventsPerSecondMax / threads));
  return throttledLog(bounded, { recordsPerSecondMax, clock });
}

/** By partition; those that one of the targets has not begun are absent. */
async function slowest(
  checkpoints: CheckpointStore,
  targets: readonly Target[],
): Promise<ReadonlyMap<number, Checkpoint>> {
  const all = await Promise.all(
    targets.map(({ projection, id }) => checkpoints.load(modelOf(projection, id))),
  );
  const least = new Map<number, Checkpoint>();
  for (const [partition, first] of all[0] ?? []) {
    const others = all.map((each) => each.get(partition));
    if (others.some((each) => each === undefined)) continue;
    const slow = others.reduce((one, other) =>
      (other?.offset ?? 0) < (one?.offset ?? 0) ? other : one,
    );
    least.set(partition, slow ?? first);
  }
  return least;
}

/** The one failure of the log whose words fit a worker better than a replay. */
function readable(thrown: unknown): unknown {
  if (!(thrown instanceof TurnstreamError) || !messageOf(thrown).includes('but the log holds')) {
    return thrown;
  }
  return new TurnstreamError(
    'LOG',
    `${thrown.message}. A replay needs the event store from its beginning on (retention.ms=-1); where that was ` +
      'deleted, let capture snapshot again into a fresh store (docs/operating.md), then replay',
    { cause: thrown },
  );
}
