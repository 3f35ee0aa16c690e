/** Worlds of replays with a history in their log, and what must be true of them in the end. */
import { expect } from 'vitest';
import { cards, counts, type Op } from './history.ts';
import { ReplayWorld } from './replay-world.ts';
import type { WorldOptions } from './world.ts';

export const partitions = 2;
const accounts = ['a', 'b', 'c', null] as const;

export const ops = (count: number, seed = 0): readonly Op[] =>
  Array.from({ length: count }, (_, at) => {
    const drawn = (at * 7 + seed * 13) % 31;
    const entity = drawn % 9;
    if (drawn % 11 === 3) return { entity, to: null };
    const to = { tpe: at % 5, content: `c${at}`, partition: drawn % partitions };
    return { entity, to: { ...to, account: accounts[drawn % 4] ?? null } };
  });

export async function opened(options: Partial<WorldOptions> = {}): Promise<ReplayWorld> {
  const projections = [cards(), counts()];
  return await new ReplayWorld({ projections, partitions, ...options }).open();
}

export async function append(world: ReplayWorld, all: readonly Op[]): Promise<void> {
  for (const op of all) await world.world.append(world.world.history.apply(op));
  await world.world.append(world.world.history.watermark(partitions));
}

export async function filled(count = 40): Promise<ReplayWorld> {
  const world = await opened();
  await append(world, ops(count));
  // The live worker.
  world.world.start();
  await world.world.settle();
  return world;
}

export async function expectRight(world: ReplayWorld): Promise<void> {
  expect(await world.liveRows()).toEqual(world.world.expected());
  expect(world.world.readModels()).toEqual(world.world.expected());
}

export async function liveGeneration(
  world: ReplayWorld,
  name = 'cards',
): Promise<number | undefined> {
  return (await world.generations.live([name])).get(name)?.generation;
}
