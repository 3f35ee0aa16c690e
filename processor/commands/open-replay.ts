/** What a replay needs, from the settings: for `turnstream replay`, for `promote`, and for `run --replay-on-upgrade`. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { pid } from 'node:process';
import type { Config } from '../config.ts';
import { workerDefaults } from '../engine/worker-settings.ts';
import { openEventCodec } from '../event/codec.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import type { ReplayPorts, ReplaySettings } from '../replay/ports.ts';
import { httpRegistry } from '../source/registry.ts';
import { type OpenStores, openStores } from './open-cql.ts';
import { openLogBySmallFetches } from './open-log.ts';
import { generationVerifier } from './open-verify.ts';
import { systemClock } from './system-clock.ts';

export type OpenReplay = {
  readonly ports: ReplayPorts;
  readonly settings: ReplaySettings;
  readonly stores: OpenStores;
  close(): Promise<void>;
};

/**
 * `projections`: those of one pass, which share the memory for totals. `threads`: that share its partitions, its
 * memory and the writes that are under way.
 */
export async function openReplay(
  config: Config,
  projections: readonly Projection[],
  logger: Logger,
  threads = 1,
): Promise<OpenReplay> {
  const writesInFlightMax = Math.ceil(config.cql.writesInFlightMax / threads);
  const stores = await openStores({ ...config, cql: { ...config.cql, writesInFlightMax } });
  try {
    const registry = httpRegistry({ url: config.registry.url });
    const decoder = await openEventCodec(registry, config.kafka.eventsTopic);
    const { readModels: store, checkpoints, letters, generations, dropTable } = stores;
    const ports: ReplayPorts = {
      log: openLogBySmallFetches(config.kafka, logger),
      store,
      checkpoints,
      letters,
      decoder,
      generations,
      dropTable,
      verify: generationVerifier(config, logger),
      clock: systemClock,
      random: Math.random,
      logger,
    };
    const settings = replaySettings(config, projections, threads);
    return { ports, settings, stores, close: () => stores.close() };
  } catch (thrown) {
    await stores.close();
    throw thrown;
  }
}

export function replaySettings(
  config: Config,
  projections: readonly Projection[],
  threads = 1,
): ReplaySettings {
  const { replay, kafka } = config;
  const aggregates = projections.filter(({ kind }) => kind === 'aggregate').length;
  const caches = Math.max(1, kafka.eventsPartitions * aggregates);
  return {
    ...workerDefaults,
    ...config.worker,
    ...replay,
    threads,
    bytesInFlightMax: Math.ceil(replay.bytesInFlightMax / threads),
    totalsCacheEntriesMax: Math.max(1, Math.floor(replay.totalsCachedMax / caches)),
    decodesLate: true,
    foldsInTurn: true,
    groupPrefix: `${kafka.projectionsGroup}.replay`,
    eventsTopic: kafka.eventsTopic,
    deadLettersTopic: kafka.deadLettersTopic,
    partitions: kafka.eventsPartitions,
    owner: randomUUID(),
    about: `process ${pid} on ${hostname()}, since ${new Date(systemClock.nowMs()).toISOString()}`,
  };
}
