/** `turnstream drop`: the tables of generations that nobody needs any more. */
import { projections } from '../../projections/index.ts';
import { dropNamed, generationNamed } from '../replay/drop-named.ts';
import { leased } from '../replay/leases.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openStores } from './open-cql.ts';
import { replaySettings } from './open-replay.ts';
import { systemClock } from './system-clock.ts';

export async function dropCommand(
  { config, json, print, log: logger, signal }: CommandContext,
  { names }: CommandArguments,
): Promise<ExitCode> {
  const wanted = names.map((name) => ({ name, ...generationNamed(projections, name) }));
  const stores = await openStores(config);
  const settings = replaySettings(config, projections);
  const ports = { ...stores, clock: systemClock, logger };
  try {
    for (const each of wanted) {
      await leased(ports, settings, [each.projection.name], signal, () =>
        dropNamed(ports, each, settings.dropDelayMs),
      );
      if (!json) print(`${each.name} is dropped, and its rows with it.`);
    }
    if (json) print(JSON.stringify({ dropped: names }));
  } finally {
    await stores.close();
  }
  return 0;
}
