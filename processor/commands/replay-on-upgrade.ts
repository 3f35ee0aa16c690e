/** `turnstream run --replay-on-upgrade`: a replay beside the worker, in its process. */
import { anySignal } from '../engine/any-signal.ts';
import type { Projection } from '../projection/projection.ts';
import { replayOnUpgrade } from '../replay/on-upgrade.ts';
import { replay } from '../replay/replay.ts';
import type { CommandContext } from './context.ts';
import { openReplay } from './open-replay.ts';
import { replayOptions } from './replay.ts';
import { loggedReporter, meteredReporter, together } from './replay-reporting.ts';
import type { ServiceParts } from './service.ts';
import { systemClock } from './system-clock.ts';

/** Until `work` ends, however it does. */
export async function besideUpgrades(
  context: CommandContext,
  projections: readonly Projection[],
  parts: ServiceParts,
  work: () => Promise<void>,
): Promise<void> {
  const over = anySignal(context.signal);
  const upgrading = upgrade(context, projections, parts, over.signal).catch((thrown: unknown) => {
    parts.log.error({ err: thrown }, 'nothing is replayed by this worker any more');
  });
  try {
    await work();
  } finally {
    over.release();
    over.abort();
    await upgrading;
  }
}

async function upgrade(
  { config }: CommandContext,
  projections: readonly Projection[],
  { metrics, log: logger }: ServiceParts,
  signal: AbortSignal,
): Promise<void> {
  const opened = await openReplay(config, projections, logger);
  const { ports } = opened;
  // The process has a worker's memory, which is smaller than that of a replay.
  const bytesInFlightMax = Math.ceil(opened.settings.bytesInFlightMax / 2);
  const settings = { ...opened.settings, bytesInFlightMax };
  const reporter = together([
    meteredReporter((name) => metrics.replay(name)),
    loggedReporter(logger, {
      intervalMs: config.replay.reportIntervalMs,
      nowMs: systemClock.nowMs,
    }),
  ]);
  try {
    const upgradePorts = {
      ...ports,
      lookMs: settings.leaseMs,
      replay: async (projection: Projection, stop: AbortSignal) => {
        const options = replayOptions({});
        const [result] = await replay(ports, settings, [projection], options, reporter, stop);
        return result;
      },
    };
    await replayOnUpgrade(upgradePorts, projections, signal);
  } finally {
    await opened.close();
  }
}
