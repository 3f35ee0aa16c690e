/**
 * Replay (DESIGN 3.6): builds the next generation of read models from the event store, beside the live
 * ones, and promotes what is built, up to date and verified. Whatever is killed goes on where it was:
 * the generations say what is unfinished, their checkpoints how far it is, the lease who is at it.
 *
 * build.ts has the writing, pass.ts the course of it, finish.ts what happens at its end.
 */
import type { Generation } from '../engine/generations.ts';
import type { Projection } from '../projection/projection.ts';
import { chooseTarget, idOf, type Target } from './choose.ts';
import { leased } from './leases.ts';
import { Pass } from './pass.ts';
import type {
  ReplayOptions,
  ReplayPorts,
  ReplayReporter,
  ReplayResult,
  ReplaySettings,
} from './ports.ts';

/**
 * Builds all of them in one pass over the events. Rejects with GENERATION, before anything is written,
 * when one of them is being replayed already.
 */
export async function replay(
  ports: ReplayPorts,
  settings: ReplaySettings,
  projections: readonly Projection[],
  options: ReplayOptions,
  reporter: ReplayReporter,
  signal: AbortSignal,
): Promise<readonly ReplayResult[]> {
  const choose = async (): Promise<readonly Target[]> => {
    const targets: Target[] = [];
    for (const each of projections) targets.push(await chooseTarget(ports, each, options.until));
    return targets;
  };
  const names = projections.map(({ name }) => name);
  return await leased(ports, settings, names, signal, async (leases) => {
    const targets = await choose();
    const scope = { targets, options, leases, reporter, signal };
    return await new Pass(ports, settings, scope).run();
  });
}

/**
 * Brings a former generation up to date, verifies it and promotes it (`turnstream promote --back`): the
 * same course, from its checkpoints. `projection` is the definition of that generation's version.
 */
export async function bringBack(
  ports: ReplayPorts,
  settings: ReplaySettings,
  { projection, generation }: { readonly projection: Projection; readonly generation: Generation },
  options: Omit<ReplayOptions, 'until'>,
  reporter: ReplayReporter,
  signal: AbortSignal,
): Promise<ReplayResult | undefined> {
  return await leased(ports, settings, [projection.name], signal, async (leases) => {
    const target = { projection, id: idOf(generation), isNew: false };
    const scope = { targets: [target], options: { ...options, until: null }, leases };
    const [result] = await new Pass(ports, settings, { ...scope, reporter, signal }).run();
    return result;
  });
}
