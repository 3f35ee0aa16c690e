/** A worker folds the next batch of a partition while the former one is written, and no more than that. */
import { expect, test } from 'vitest';
import {
  cards,
  counts,
  type Op,
  poison,
  type StepValue,
  titles,
} from '../../test/worker/history.ts';
import type { FaultPlan, Instance } from '../../test/worker/instance.ts';
import { World, type WorldOptions } from '../../test/worker/world.ts';
import type { MapProjection } from '../projection/projection.ts';
import { bytesOf } from './taken-record.ts';

const batchRecordsMax = 3;

const value = (content: string, partition = 0): StepValue => {
  return { account: 'a', tpe: 1, content, partition };
};

const many = (count: number, partition = 0, from = 0): readonly Op[] =>
  Array.from({ length: count }, (_, index) => {
    return { entity: from + index, to: value(`c${from + index}`, partition) };
  });

async function append(world: World, ops: readonly Op[]): Promise<void> {
  for (const op of ops) await world.append(world.history.apply(op));
}

function telling(plain: MapProjection, folded: string[]): MapProjection {
  return {
    ...plain,
    rows: (fact) => {
      if (fact.kind === 'step') folded.push(fact.content ?? '');
      return plain.rows(fact);
    },
  };
}

/** A world whose workers tell what cards are asked for: content by content, as it is folded. */
async function opened(options: Partial<WorldOptions> = {}) {
  const { settings, projections = [cards(), counts()], ...others } = options;
  const world = await new World({
    projections,
    partitions: 1,
    ...others,
    settings: { batchRecordsMax, sliceRecords: 1, checkpointIntervalMs: 0, ...settings },
  }).open();
  const folded: string[] = [];
  const hosted = world.settings.hosted.map((each) => {
    const { projection } = each;
    return projection.kind === 'map' && projection.name === 'cards'
      ? { ...each, projection: telling(projection, folded) }
      : each;
  });
  const start = (plan?: FaultPlan) => world.start(plan, { hosted });
  return { world, folded, start };
}

const holding =
  (...held: readonly string[]): FaultPlan =>
  (_, operation) =>
    held.includes(operation) ? { kind: 'hold' } : undefined;

const times = ({ operations }: Instance, operation: string) =>
  operations.filter((each) => each === operation).length;

const reached = ({ worker }: Instance, projection = 0) =>
  worker.status().projections[projection]?.partitions[0]?.reached;

function expectRight(world: World): void {
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
}

test('the next batch is folded while the former one is written, and is ready when that ends', async () => {
  const { world, folded, start } = await opened();
  await append(world, many(6));
  const instance = start(holding('rows'));
  await world.settle();
  expect(times(instance, 'rows')).toBe(1);
  expect(folded).toHaveLength(6);
  instance.release();
  await world.settle();
  expect(times(instance, 'rows')).toBe(2);
  expect(folded).toHaveLength(6);
  instance.release();
  await world.settle();
  expectRight(world);
});

test('a partition has at most one batch under way and one that is folded', async () => {
  const { world, folded, start } = await opened();
  await append(world, many(20));
  const instance = start(holding('rows'));
  for (let written = 1; written <= 7; written += 1) {
    await world.settle();
    expect(times(instance, 'rows')).toBe(written);
    expect(folded).toHaveLength(Math.min(20, (written + 1) * batchRecordsMax));
    instance.release();
  }
  await world.settle();
  expectRight(world);
});

test('what a batch has reached counts when it is acknowledged, not when it is folded (I1)', async () => {
  const { world, folded, start } = await opened();
  await append(world, many(9));
  const first = start(holding('rows', 'totals'));
  await world.settle();
  first.release();
  await world.settle();
  expect(folded).toHaveLength(9);
  for (const [at, name] of ['cards', 'counts'].entries()) {
    expect(reached(first, at)).toMatchObject({ offset: 3 });
    expect(await world.checkpoint(name, 0)).toMatchObject({ offset: 3 });
  }
  first.kill();
  world.start();
  await world.settle();
  expectRight(world);
});

test('no batch waits for a checkpoint, and there is one of each projection under way', async () => {
  const { world, start } = await opened();
  await append(world, many(9));
  const instance = start(holding('checkpoint'));
  await world.settle();
  expect(times(instance, 'rows')).toBe(3);
  expect(reached(instance)).toMatchObject({ offset: 9 });
  expect(times(instance, 'checkpoint')).toBe(2);
  instance.release();
  await world.settle();
  // Of the first batch, then of all that was written meanwhile.
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 3 });
  expect(times(instance, 'checkpoint')).toBe(4);
  instance.release();
  await world.settle();
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 9 });
  expectRight(world);
});

test('the next batch goes on where the one under way will end: watermark, and what comes again', async () => {
  const { world, folded, start } = await opened();
  const events = many(2).map((op) => world.history.apply(op));
  for (const placed of events) await world.append(placed);
  await world.append(world.history.watermark(1));
  const instance = start(holding('rows'));
  await world.settle();
  for (const placed of events) await world.append(placed);
  await append(world, many(1, 0, 2));
  await world.settle();
  expect(folded).toEqual(['c0', 'c1', 'c2']);
  instance.release();
  await world.settle();
  instance.release();
  await world.settle();
  expect(reached(instance)).toMatchObject({ offset: 6, watermark: { lsn: expect.any(Number) } });
  expectRight(world);
});

test('totals of a batch begin where those of the former one end', async () => {
  const { world, start } = await opened();
  await append(world, many(9));
  const instance = start(holding('totals'));
  await world.settle();
  // Of the second batch nothing is worked out before the first one is written.
  expect(times(instance, 'totals-read')).toBe(1);
  for (let batch = 1; batch <= 3; batch += 1) {
    instance.release();
    await world.settle();
  }
  expect(world.readModel(counts())).toMatchObject([{ values: [9, 9] }]);
  expectRight(world);
});

test('nothing is folded behind dead letters that are not listed yet', async () => {
  const { world, folded, start } = await opened();
  await append(world, [
    { entity: 0, to: value('one') },
    { entity: 1, to: value(poison) },
    ...many(7, 0, 2),
  ]);
  const instance = start(holding('letters'));
  await world.settle();
  expect(folded).toHaveLength(batchRecordsMax);
  instance.release();
  await world.settle();
  expect(world.violations).toEqual([]);
  expect(folded).toHaveLength(9);
});

test('nothing is folded behind a retry that is not decided yet', async () => {
  const { world, folded, start } = await opened();
  await append(world, [{ entity: 0, to: value(poison) }]);
  const first = start();
  await world.settle();
  first.kill();
  await world.retry('cards', 0, 0);
  await append(world, many(2, 0, 1));
  folded.length = 0;
  const instance = start(holding('letters'));
  await world.settle();
  // The letter itself, by the retry.
  expect(folded).toEqual([poison]);
  instance.release();
  await world.settle();
  expect(folded).toEqual([poison, 'c1', 'c2']);
  expect(world.violations).toEqual([]);
});

test('nothing is folded behind the event that a projection halts on', async () => {
  const { world, folded, start } = await opened({
    projections: [cards('halt'), titles()],
  });
  const halting = { entity: 1, to: value(poison) };
  await append(world, [...many(1), halting, ...many(7, 0, 2)]);
  const instance = start(holding('rows'));
  await world.settle();
  instance.release();
  await world.settle();
  expect(new Set(folded)).toEqual(new Set(['c0', poison]));
  expect(reached(instance)).toMatchObject({ offset: 1 });
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 1 });
  expect(await world.checkpoint('titles', 0)).toMatchObject({ offset: 9 });
});

test('a projection that stops while its batch is written writes no other, and the rest goes on', async () => {
  const { world } = await opened({ partitions: 2 });
  await append(world, [...many(6), ...many(1, 1, 100)]);
  let writes = 0;
  const instance = world.start((_, operation) => {
    if (operation !== 'rows') return undefined;
    writes += 1;
    return writes === 1 ? { kind: 'hold' } : { kind: 'refuse' };
  });
  await world.settle();
  expect(instance.worker.status().projections[0]).toMatchObject({ state: 'halted' });
  instance.release();
  await world.settle();
  expect(times(instance, 'rows')).toBe(2);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 0 });
  expect(world.readModel(counts())).toMatchObject([{ values: [7, 7] }]);
  expect(world.violations).toEqual([]);
});

test('a lane that gave up a batch writes none behind it, even where nobody minds', async () => {
  const { world } = await opened({ projections: [cards()] });
  await append(world, many(9));
  let writes = 0;
  const { hosted } = world.settings;
  const instance = world.start(
    (_, operation) => {
      if (operation !== 'rows') return undefined;
      writes += 1;
      return writes === 1 ? { kind: 'refuse' } : undefined;
    },
    {},
    // Every look finds another build, so that what stops this one is nobody's trouble any more.
    { current: () => [...hosted], follow: () => Promise.resolve() },
  );
  await world.settle();
  expect(instance.worker.status().projections[0]).toMatchObject({ state: 'running' });
  expect(times(instance, 'rows')).toBe(1);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 0 });
});

test('a folded batch is dropped at the end of its epoch, and its bytes are given back', async () => {
  const { world, folded, start } = await opened({ projections: [cards()] });
  await append(world, many(20));
  let writes = 0;
  const instance = start((_, operation) => {
    if (operation !== 'rows') return undefined;
    writes += 1;
    return writes === 1 ? { kind: 'hold' } : undefined;
  });
  await world.settle();
  expect(folded).toHaveLength(2 * batchRecordsMax);
  if (instance.consumer === null) throw new Error('no consumer');
  world.log.expire(instance.consumer);
  world.log.notice(instance.consumer);
  await world.settle();
  // The next epoch has written all of it; the one batch that is under way still holds its bytes.
  const records = world.log.partitions('events')[0]?.records ?? [];
  const bytes = records.slice(0, batchRecordsMax).reduce((sum, each) => sum + bytesOf(each), 0);
  expect(instance.worker.status().bytesInFlight).toBe(bytes);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 20 });
  instance.release();
  await world.settle();
  expect(instance.worker.status().bytesInFlight).toBe(0);
  expect(times(instance, 'rows')).toBe(1 + Math.ceil(20 / batchRecordsMax));
  expectRight(world);
});

test('a fault that nothing provides for ends the worker, and nothing is written after it', async () => {
  const { world, start } = await opened({
    projections: [cards()],
    observer: {
      finished: () => {
        throw new Error('an observer must not throw');
      },
    },
  });
  await append(world, many(9));
  const instance = start();
  await world.settle();
  expect(String(instance.error)).toMatch(/an observer must not throw/);
  expect(times(instance, 'rows')).toBe(1);
  expect(instance.worker.status().bytesInFlight).toBe(0);
});
