/** A world in which some letters wait, and their function is mended: where tests of retries and discards begin. */
import { expect } from 'vitest';
import { cards, counts, type Mending, type Op, poison, type StepValue } from './history.ts';
import type { FaultPlan } from './instance.ts';
import { World, type WorldOptions } from './world.ts';

export const value = (content: string, account = 'a', partition = 0, tpe = 1): StepValue => {
  return { account, tpe, content, partition };
};

export async function opened(
  mending: Mending,
  options: Partial<WorldOptions> = {},
): Promise<World> {
  const projections = [cards('dead-letter', mending), counts('dead-letter', mending)];
  return new World({ projections, ...options }).open();
}

export const apply = (world: World, op: Op) => world.append(world.history.apply(op));
export const contents = (world: World) => world.readModel(cards()).map(({ values }) => values[0]);
export const totals = (world: World) => world.readModel(counts()).map(({ values }) => values);

export function expectRight(world: World): void {
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
}

/** Poison set aside by a worker that has stopped, then the function is mended. */
export async function mendedWorld(later: readonly Op[] = []) {
  const mending = { mended: false };
  const world = await opened(mending);
  await apply(world, { entity: 0, to: value('one') });
  await apply(world, { entity: 1, to: value(poison) });
  for (const op of later) await apply(world, op);
  const broken = world.start();
  await world.settle();
  broken.stop();
  await world.settle();
  mending.mended = true;
  return world;
}

export const names = ['cards', 'counts'];

/** Killed as it saves its second checkpoint: what it wrote since the first comes again to the next worker. */
export function savedOnce(): FaultPlan {
  let saves = 0;
  return (_, operation) => {
    if (operation === 'checkpoint') saves += 1;
    return saves > names.length ? { kind: 'crash', when: 'before' } : undefined;
  };
}

export async function retryAll(world: World, offset = 1): Promise<void> {
  for (const name of names) await world.retry(name, 0, offset);
}

export async function discardAll(world: World, offset = 1): Promise<void> {
  for (const name of names) await world.discard(name, 0, offset);
}
