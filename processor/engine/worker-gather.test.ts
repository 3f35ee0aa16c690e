/** What a replay asks of the worker beside larger limits: batches that wait, totals that nobody stored. */
import { expect, test } from 'vitest';
import { cards, counts, type Op } from '../../test/worker/history.ts';
import type { Fault } from '../../test/worker/instance.ts';
import { World } from '../../test/worker/world.ts';
import type { WorkerSettings } from './worker-settings.ts';

const partitions = 1;

async function filled(settings: Partial<WorkerSettings>): Promise<World> {
  const world = await new World({
    projections: [cards(), counts()],
    partitions,
    fetchRecordsMax: 2,
    settings: { batchRecordsMax: 1000, ...settings },
  }).open();
  const ops: readonly Op[] = Array.from({ length: 20 }, (_, at) => ({
    entity: at % 4,
    to: { account: `a${at % 3}`, tpe: at, content: `c${at}`, partition: 0 },
  }));
  for (const op of ops) await world.append(world.history.apply(op));
  return world;
}

const writesOf = (operations: readonly string[]) =>
  operations.filter((each) => each === 'rows').length;

test('records that are decoded late end in the same rows', async () => {
  const world = await filled({ decodesLate: true, gatherMsMax: 100 });
  world.start();
  await world.settle();
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
});

const isNew = [cards(), counts()].map((projection) => ({ projection, generation: 1, isNew: true }));

test('a batch that gathers waits for what the partition has, and no longer than that', async () => {
  const world = await filled({ gatherMsMax: 1000 });
  const startedMs = world.clock.nowMs();
  const instance = world.start();
  await world.until(() => writesOf(instance.operations) > 0);
  expect(world.clock.nowMs() - startedMs).toBe(0);
  await world.settle();
  expect(writesOf(instance.operations)).toBe(1);
  expect(world.readModels()).toEqual(world.expected());
});

test('without gathering every fetch is written as it comes', async () => {
  const world = await filled({});
  const instance = world.start();
  await world.settle();
  expect(writesOf(instance.operations)).toBeGreaterThan(2);
});

test('a batch that gathers ends when memory is short, so that it can’t wait for itself', async () => {
  // Room for a fetch of two records and a little more.
  const world = await filled({ gatherMsMax: 1_000_000, bytesInFlightMax: 2000 });
  const startedMs = world.clock.nowMs();
  const instance = world.start();
  await world.settle();
  expect(world.clock.nowMs() - startedMs).toBeLessThan(10_000);
  expect(writesOf(instance.operations)).toBeGreaterThan(5);
  expect(world.readModels()).toEqual(world.expected());
});

test('totals of a new generation are not looked up, until memory has forgotten one', async () => {
  const small = await filled({ hosted: isNew, totalsCacheEntriesMax: 2 });
  const first = small.start();
  await small.settle();
  expect(first.operations).toContain('totals-read');
  expect(small.readModels()).toEqual(small.expected());
  const large = await filled({ hosted: isNew });
  const second = large.start();
  await large.settle();
  expect(second.operations).not.toContain('totals-read');
  expect(large.readModels()).toEqual(large.expected());
});

test('whoever goes on from a checkpoint looks totals up, new generation or not', async () => {
  const world = await filled({ hosted: isNew, checkpointIntervalMs: 0, batchRecordsMax: 4 });
  let checkpoints = 0;
  const crash = (_: number, operation: string): Fault | undefined => {
    if (operation === 'checkpoint') checkpoints += 1;
    return checkpoints > 4 ? { kind: 'crash', when: 'before' } : undefined;
  };
  const first = world.start(crash);
  await world.settle();
  expect(first.dead).toBe(true);
  const second = world.start();
  await world.settle();
  expect(second.operations).toContain('totals-read');
  expect(world.readModels()).toEqual(world.expected());
});

test('totals that a former owner left ahead of its checkpoint are not added to twice, with little memory', async () => {
  const world = await new World({ projections: [counts()], partitions }).open();
  for (const [entity, account] of ['a', 'b', 'c', 'a', 'a', 'a'].entries()) {
    const to = { account, tpe: 1, content: 'x', partition: 0 };
    await world.append(world.history.apply({ entity, to }));
  }
  const hosted = [{ projection: counts(), generation: 1, isNew: true }];
  // Its totals of “a” hold the fourth event; no checkpoint says so.
  const crash = (_: number, operation: string): Fault | undefined =>
    operation === 'checkpoint' ? { kind: 'crash', when: 'before' } : undefined;
  const first = world.start(crash, { hosted, batchRecordsMax: 4 });
  await world.settle();
  expect(first.dead).toBe(true);
  // The fourth is in the midst of a batch of this one, when it has forgotten “a”.
  world.start(undefined, { hosted, batchRecordsMax: 3, totalsCacheEntriesMax: 1 });
  await world.settle();
  expect(world.readModels()).toEqual(world.expected());
});

/** Two partitions of twenty events each; answers how many of the second are folded when rows of the first go out. */
async function foldedAtTheFirstWrite(settings: Partial<WorkerSettings>): Promise<number> {
  const world = await new World({
    projections: [cards()],
    settings: { batchRecordsMax: 20, sliceRecords: 1, decodesLate: true, ...settings },
    fetchRecordsMax: 20,
  }).open();
  for (let at = 0; at < 20; at += 1) {
    for (const partition of [0, 1]) {
      const to = { account: 'a', tpe: at, content: `p${partition}`, partition };
      await world.append(world.history.apply({ entity: 30 * partition + at, to }));
    }
  }
  let folded = 0;
  const plain = cards();
  const telling = {
    ...plain,
    rows: (fact: Parameters<typeof plain.rows>[0]) => {
      if (fact.kind === 'step' && fact.content === 'p1') folded += 1;
      return plain.rows(fact);
    },
  };
  let first = -1;
  world.start(
    (_, operation) => {
      if (operation === 'rows' && first < 0) first = folded;
      return undefined;
    },
    { hosted: [{ projection: telling, generation: 1 }] },
  );
  await world.settle();
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
  return first;
}

test('partitions that fold in turn: one is written before the next is folded', async () => {
  expect(await foldedAtTheFirstWrite({})).toBeGreaterThan(15);
  expect(await foldedAtTheFirstWrite({ foldsInTurn: true })).toBeLessThan(10);
});

test('a partition that waits for more passes its turn on', async () => {
  const world = await new World({ projections: [cards()], settings: { foldsInTurn: true } }).open();
  const append = async (partition: number) => {
    const to = { account: 'a', tpe: 1, content: 'c', partition };
    await world.append(world.history.apply({ entity: partition, to }));
  };
  await append(0);
  let writes = 0;
  const instance = world.start((_, operation) => {
    if (operation === 'rows') writes += 1;
    return operation === 'rows' && writes === 1 ? { kind: 'hold' } : undefined;
  });
  await world.settle();
  // Folded behind the write that is under way, and open for more until that ends.
  await append(0);
  await world.settle();
  await append(1);
  await world.settle();
  expect(await world.checkpoint('cards', 1)).toMatchObject({ offset: 1 });
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 0 });
  instance.release();
  await world.settle();
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 2 });
});
