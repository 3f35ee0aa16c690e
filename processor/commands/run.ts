/** `turnstream run`: a worker as a service. */
import type { Config } from '../config.ts';
import { metricsObserver } from '../engine/metrics-observer.ts';
import { runWorker } from '../engine/worker.ts';
import {
  type Hosted,
  readModelOf,
  type WorkerSettings,
  workerDefaults,
} from '../engine/worker-settings.ts';
import { openEventCodec } from '../event/codec.ts';
import type { Projection } from '../projection/projection.ts';
import { httpRegistry } from '../source/registry.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openStores } from './open-cql.ts';
import { openLog } from './open-log.ts';
import { firstGeneration } from './select-projections.ts';
import { asService, type ServiceParts } from './service.ts';
import { systemClock } from './system-clock.ts';

export async function runCommand(
  context: CommandContext,
  { projections, options }: CommandArguments,
): Promise<ExitCode> {
  const { config } = context;
  const settings = workerSettings(config, projections, options.group);
  const role = {
    part: 'worker' as const,
    topic: settings.eventsTopic,
    group: settings.group,
    retry: settings,
  };
  await asService(context, role, async (parts) => {
    const { log: logger } = parts;
    const log = openLog(config.kafka, logger);
    const stores = await openStores(config, settings.hosted.map(readModelOf));
    try {
      const registry = httpRegistry({ url: config.registry.url });
      const decoder = await openEventCodec(registry, settings.eventsTopic);
      const deps = {
        log,
        store: stores.readModels,
        checkpoints: stores.checkpoints,
        letters: stores.letters,
        decoder,
        clock: systemClock,
        random: Math.random,
        observer: observerOf(parts),
        logger,
      };
      await runWorker(deps, settings, context.signal);
    } finally {
      await stores.close();
    }
  });
  return 0;
}

/** The worker has its place in the group with its first assignment, even an empty one. */
function observerOf({ metrics, health }: ServiceParts) {
  const observer = metricsObserver(metrics);
  return {
    ...observer,
    rebalanced: (partitions: readonly number[]) => {
      observer.rebalanced(partitions);
      health.enter('running');
    },
  };
}

function workerSettings(
  config: Config,
  projections: readonly Projection[],
  group: string | undefined,
): WorkerSettings {
  const hosted = projections.map(
    (projection): Hosted => ({ projection, generation: firstGeneration }),
  );
  const { eventsPartitions } = config.kafka;
  const caches = eventsPartitions * projections.filter(({ kind }) => kind === 'aggregate').length;
  return {
    ...workerDefaults,
    ...config.worker,
    // One cache for each aggregate and partition; a worker may come to hold all of them.
    totalsCacheEntriesMax: Math.max(
      1,
      Math.floor(config.worker.totalsCachedMax / Math.max(1, caches)),
    ),
    group: group ?? groupOf(config.kafka.projectionsGroup, projections),
    eventsTopic: config.kafka.eventsTopic,
    deadLettersTopic: config.kafka.deadLettersTopic,
    partitions: eventsPartitions,
    hosted,
  };
}

/**
 * Members of a group divide the partitions, so they must host the same projections. Checkpoints are
 * the projections' own: another group for another set of them loses nothing.
 */
export function groupOf(prefix: string, projections: readonly Projection[]): string {
  const names = projections.map(({ name }) => name).toSorted();
  return [prefix, ...names].join('.');
}
