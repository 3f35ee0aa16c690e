/**
 * Replays what was upgraded (`turnstream run --replay-on-upgrade`): while readers use an older version of
 * a projection than this build has, it is replayed by whoever gets its lease; the others wait, look again,
 * and follow the switch. What a replay could not promote is said once, and left to people.
 */
import type { Clock } from '../engine/clock.ts';
import type { GenerationStore } from '../engine/generations.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';
import type { ReplayResult } from './ports.ts';

export type UpgradePorts = {
  readonly generations: Pick<GenerationStore, 'live'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Rejects with GENERATION when somebody else is at it. */
  readonly replay: (
    projection: Projection,
    signal: AbortSignal,
  ) => Promise<ReplayResult | undefined>;
  readonly lookMs: number;
};

/** Resolves when nothing is left to upgrade, or the signal aborts. Does not reject. */
export async function replayOnUpgrade(
  ports: UpgradePorts,
  projections: readonly Projection[],
  signal: AbortSignal,
): Promise<void> {
  const { clock, lookMs, logger } = ports;
  const left = new Map(projections.map((projection) => [projection.name, projection]));
  while (left.size > 0 && !signal.aborted) {
    try {
      const behind = await outdated(ports, [...left.values()]);
      for (const name of [...left.keys()]) if (!behind.has(name)) left.delete(name);
      for (const [name, projection] of behind) {
        if (signal.aborted) return;
        if (await upgrade(ports, projection, signal)) left.delete(name);
      }
    } catch (thrown) {
      logger.warn({ err: thrown }, `an upgrade waits: ${messageOf(thrown)}`);
    }
    if (left.size > 0) await clock.delay(lookMs, signal);
  }
}

/** Those of which readers use an older version. Of what nobody uses yet a worker makes the first. */
async function outdated(
  { generations }: UpgradePorts,
  projections: readonly Projection[],
): Promise<ReadonlyMap<string, Projection>> {
  const live = await generations.live(projections.map(({ name }) => name));
  const behind = projections.filter(({ name, version }) => {
    const found = live.get(name);
    return found !== undefined && found.version < version;
  });
  return new Map(behind.map((projection) => [projection.name, projection]));
}

/** True when there is nothing more to be done about it here. */
async function upgrade(
  { replay, logger }: UpgradePorts,
  projection: Projection,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, version } = projection;
  try {
    logger.info({ projection: name, version }, `${name} is replayed for its version ${version}`);
    const result = await replay(projection, signal);
    if (result === undefined || result.outcome === 'stopped') return false;
    const { outcome, message } = result;
    if (outcome === 'promoted') logger.info({ projection: name, version }, message);
    else logger.error({ projection: name, version, outcome }, message);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof TurnstreamError)) throw thrown;
    // Somebody else is at it, or something is away: another look tells.
    logger.info({ projection: name, version }, thrown.message);
    return false;
  }
}
