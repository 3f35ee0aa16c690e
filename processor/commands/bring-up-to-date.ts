/** Reads what a former generation lacks before it is promoted (`turnstream promote --back`): a replay from its checkpoints. */
import { type GenerationId, generationName, isSameGeneration } from '../engine/generations.ts';
import { TurnstreamError } from '../error.ts';
import { versionOf } from '../projection/definitions.ts';
import type { Projection } from '../projection/projection.ts';
import { bringBack } from '../replay/replay.ts';
import type { CommandContext } from './context.ts';
import { definitionsFor } from './live-builds.ts';
import { openReplay } from './open-replay.ts';
import { loggedReporter } from './replay-reporting.ts';
import { systemClock } from './system-clock.ts';

/** Its dead letters are looked at by who promotes it. */
const options = {
  keep: 1,
  verify: true,
  promote: false,
  acceptDeadLetters: true,
  eventsPerSecondMax: null,
} as const;

/** Up to what readers have now, and verified; the promotion itself is the caller's. */
export function bringingUpToDate(
  { config, log: logger, signal }: CommandContext,
  projection: Projection,
): (id: GenerationId) => Promise<void> {
  return async (id) => {
    const [definitions] = definitionsFor([projection]);
    const definition = definitions && versionOf(definitions, id.version);
    const name = generationName(id);
    if (definition === undefined) {
      throw new TurnstreamError(
        'GENERATION',
        `${name} can't be brought up to date: this build of the program has no definition of version ${id.version}; promote with the one that has, or give --as-is`,
      );
    }
    const opened = await openReplay(config, [definition], logger);
    try {
      const { ports, settings } = opened;
      const all = await ports.generations.list(projection.name);
      const generation = all.find((each) => isSameGeneration(each, id));
      if (generation === undefined) return;
      const reporter = loggedReporter(logger, {
        intervalMs: config.replay.reportIntervalMs,
        nowMs: systemClock.nowMs,
      });
      const target = { projection: definition, generation };
      const result = await bringBack(ports, settings, target, options, reporter, signal);
      if (result?.outcome === 'built') return;
      throw new TurnstreamError(
        'GENERATION',
        result?.message ?? `${name} was not brought up to date`,
      );
    } finally {
      await opened.close();
    }
  };
}
