/** `turnstream run`: a worker as a service, which hosts what readers use of each projection. */
import type { Config } from '../config.ts';
import { type Place, versionsBehind } from '../engine/hosting.ts';
import { LiveHosting } from '../engine/live-hosting.ts';
import { metricsObserver } from '../engine/metrics-observer.ts';
import { runWorker } from '../engine/worker.ts';
import { type WorkerSettings, workerDefaults } from '../engine/worker-settings.ts';
import { openEventCodec } from '../event/codec.ts';
import type { Projection } from '../projection/projection.ts';
import { httpRegistry } from '../source/registry.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { definitionsFor } from './live-builds.ts';
import { type OpenStores, openStores, warnOfLoss } from './open-cql.ts';
import { openLog } from './open-log.ts';
import { besideUpgrades } from './replay-on-upgrade.ts';
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
  const said = new Map<string, string>();
  await asService(context, role, async (parts) => {
    const { log: logger } = parts;
    const log = openLog(config.kafka, logger);
    const stores = await openStores(config);
    try {
      await warnOfLoss(stores, logger);
      const registry = httpRegistry({ url: config.registry.url });
      const hosting = await openHosting(stores, projections, parts, said);
      const decoder = await openEventCodec(registry, settings.eventsTopic);
      const deps = {
        log,
        store: stores.readModels,
        checkpoints: stores.checkpoints,
        letters: stores.letters,
        decoder,
        clock: systemClock,
        random: Math.random,
        observer: observerOf(parts, hosting),
        logger,
        hosting,
      };
      const work = () => runWorker(deps, settings, context.signal);
      if (options.replayOnUpgrade === true) {
        await besideUpgrades(context, projections, parts, work);
      } else await work();
    } finally {
      await stores.close();
    }
  });
  return 0;
}

/** Says of each projection what is hosted, at first and after each switch. */
async function openHosting(
  { generations, holds, checkpoints, prepare }: OpenStores,
  projections: readonly Projection[],
  { metrics, health, log: logger }: ServiceParts,
  said: Map<string, string>,
): Promise<LiveHosting> {
  const told = (places: readonly Place[]) => {
    for (const place of places) {
      const { versionBehind, hosted } = metrics.hosting(place.present.name);
      versionBehind.set(versionsBehind(place));
      hosted.set(place.hosted === null ? 0 : 1);
    }
    const nothing = places.every(({ hosted }) => hosted === null);
    const why = places.some(({ isHeld }) => isHeld)
      ? 'It stands still for a moment: totals are being repaired.'
      : 'It hosts nothing: its build lacks the versions that readers use.';
    health.idles(nothing ? why : null);
  };
  const ports = {
    generations,
    holds,
    checkpoints,
    prepare,
    told,
    said,
    clock: systemClock,
    logger,
  };
  return await LiveHosting.open(ports, definitionsFor(projections));
}

/** The worker has its place in the group with its first assignment, even an empty one. */
function observerOf({ metrics, health }: ServiceParts, hosting: LiveHosting) {
  const observer = metricsObserver(metrics);
  return {
    ...observer,
    rebalanced: (partitions: readonly number[]) => {
      observer.rebalanced(partitions);
      for (const { present, hosted } of hosting.places) {
        if (hosted === null) metrics.progress.forget(present.name);
      }
      health.enter('running');
    },
  };
}

function workerSettings(
  config: Config,
  projections: readonly Projection[],
  group: string | undefined,
): WorkerSettings {
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
    // The hosting says what, and changes.
    hosted: [],
  };
}

/**
 * Members of a group divide the partitions, so they must host the same projections, and the same version
 * of each: what one build hosts another may lack. Checkpoints are the projections' own: another group
 * for another set of them loses nothing.
 */
export function groupOf(prefix: string, projections: readonly Projection[]): string {
  const names = projections
    .map(({ name, version }) => (version === 1 ? name : `${name}_v${version}`))
    .toSorted();
  return [prefix, ...names].join('.');
}
