import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { MemoryGenerations } from '../engine/memory-generations.ts';
import { MemoryStore } from '../engine/memory-store.ts';
import { MemoryLog } from '../kafka/memory-log.ts';
import type { Projection } from '../projection/projection.ts';
import type { Position } from '../source/position.ts';
import { checkBeginning } from './check-beginning.ts';
import { chosen, letterId, sourcesOf } from './letter-id.ts';
import { isDefined, liveBuilds, modelOf, namedBuilds } from './live-builds.ts';
import { groupOf } from './run.ts';

const [one, other] = projections as readonly [Projection, Projection];
const id = (version: number, generation: number) => {
  return { projection: one.name, version, generation };
};

async function opened() {
  const generations = new MemoryGenerations({ nowMs: () => 5 });
  for (const version of [1, 1, 2]) await generations.create(one.name, version, null);
  await generations.promote(id(1, 2), null, 5);
  return generations;
}

test('a command is about what readers use, or about what the first worker will make so', async () => {
  const generations = await opened();
  const builds = await liveBuilds(generations, [one, other]);
  expect(builds.map((build) => build.id)).toEqual([
    id(1, 2),
    { projection: other.name, version: 1, generation: 1 },
  ]);
  expect(builds.every(isDefined)).toBe(true);
});

test('of a version that this build does not have, the name and the checkpoints are known', async () => {
  const generations = await opened();
  await generations.promote(id(2, 1), id(1, 2), 6);
  const [build] = await liveBuilds(generations, [one]);
  expect(isDefined(build!)).toBe(false);
  expect(modelOf(build!)).toMatchObject({
    shape: { projection: one.name, version: 2 },
    generation: 1,
  });
});

test('letters are of the live build; those of another one are asked for by its table’s name', async () => {
  const generations = await opened();
  const live = await liveBuilds(generations, projections);
  const table = `${one.name}_v1_g1`;
  const named = await namedBuilds(generations, projections, [table, `${one.name}_v9_g9`], live);
  const sources = sourcesOf([...live, ...named], 2);
  const place = (name: string) =>
    chosen([name], sources).sources.map(({ origin }) => [origin.generation, origin.partition]);
  expect(place(one.name)).toEqual([
    [2, 0],
    [2, 1],
  ]);
  expect(place(`${table}/1/7`)).toEqual([[1, 1]]);
  const [source] = chosen([`${table}/1/7`], sources).sources;
  expect(letterId(source!, { offset: 7 })).toBe(`${table}/1/7`);
  expect(chosen([], sourcesOf(live, 1)).sources.map(({ name }) => name)).not.toContain(table);
  expect(() => chosen([`${one.name}_v9_g9`], sources)).toThrow(/is no letter/);
});

test('builds with different versions never share a group', () => {
  const raised = { ...one, version: 2 };
  expect(groupOf('p', [one])).toBe(`p.${one.name}`);
  expect(groupOf('p', [raised])).toBe(`p.${one.name}_v2`);
  expect(groupOf('p', [other, raised])).toBe(groupOf('p', [raised, other]));
  expect(groupOf('p', [other, raised])).not.toBe(groupOf('p', [other, one]));
});

test('the base of positions is measured against every generation that there is', async () => {
  const generations = await opened();
  const checkpoints = new MemoryStore();
  const log = new MemoryLog();
  const admin = await log.admin();
  await admin.ensureTopics([{ topic: 'c', partitions: 1, replicationFactor: 1, config: {} }]);
  const settings = { changesTopic: 'c', group: 'g', positionBase: 0, batchRecordsMax: 10 };
  const check = () => checkBeginning(log, { checkpoints, generations }, settings as never);
  await expect(check()).resolves.toBeUndefined();
  const model = { shape: { ...one.shape, version: 2 }, generation: 1 };
  const far = { offset: 1, position: 1e13 as Position, watermark: null, deadLetters: 0 };
  await checkpoints.save(model, 0, far);
  await expect(check()).rejects.toMatchObject({ code: 'CONFIGURATION' });
});
