/** What a worker does when readers switch to another generation: it goes on there, in place. */
import { expect, test } from 'vitest';
import {
  cards,
  counts,
  poison,
  projected,
  type StepValue,
  sortedByKey,
  titles,
} from '../../test/worker/history.ts';
import { World } from '../../test/worker/world.ts';
import { int, text } from '../projection/columns.ts';
import { defineMap } from '../projection/define.ts';
import type { Hosting } from './hosting.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

const value = (content: string, partition = 0): StepValue => {
  return { account: 'a', tpe: 1, content, partition };
};

/** The second version of `cards`: another value, and nothing throws. */
const loudCards = defineMap({
  name: 'cards',
  version: 2,
  about: 'A step under its account, in capitals.',
  of: 'step',
  key: { accountUid: text, agentTurnUid: text, idx: int },
  partitionBy: ['accountUid'],
  values: { loud: text },
  rows: ({ accountUid, agentTurnUid, idx, content }) =>
    accountUid === null
      ? []
      : [{ accountUid, agentTurnUid, idx, loud: (content ?? '').toUpperCase() }],
});

/** A hosting in the test's own hands. */
function switchable(first: readonly Hosted[]) {
  let now = first;
  let tell: () => void = () => undefined;
  let over: AbortSignal | null = null;
  const hosting: Hosting = {
    current: () => now,
    follow: (changed, signal) => {
      tell = changed;
      over = signal;
      return Promise.resolve();
    },
  };
  return {
    hosting,
    isOver: () => over?.aborted === true,
    switchTo: (next: readonly Hosted[]) => {
      now = next;
      tell();
    },
  };
}

const first = { projection: cards(), generation: 1 };
const second = { projection: cards(), generation: 2 };
const loud = { projection: loudCards, generation: 1 };

async function opened(...hosted: Hosted[]): Promise<World> {
  const world = await new World({ projections: [cards(), titles()] }).open();
  await world.store.ensure(hosted.map(readModelOf));
  return world;
}

async function say(world: World, ...contents: readonly string[]): Promise<void> {
  for (const [entity, content] of contents.entries()) {
    await world.append(world.history.apply({ entity, to: value(content, entity % 2) }));
  }
}

const rowsOf = (world: World, hosted: Hosted) => sortedByKey(world.store.rows(readModelOf(hosted)));
const due = (world: World, { projection }: Hosted) => projected(projection, world.history.facts());

test('it goes on from the other generation’s checkpoints, and writes to the former no more', async () => {
  const world = await opened(second);
  const { hosting, switchTo } = switchable([first]);
  await say(world, 'a', 'b', 'c', 'd');
  const builder = world.start(undefined, { group: 'builder', hosted: [second] });
  await world.settle();
  builder.stop();
  await world.settle();
  await say(world, 'e', 'f');
  const one = world.start(undefined, {}, hosting);
  const two = world.start(undefined, {}, switchable([first]).hosting);
  await world.settle();
  const before = rowsOf(world, first);
  expect(before).toEqual(due(world, first));
  expect(rowsOf(world, second)).not.toEqual(due(world, second));
  const epochs = [one, two].map(({ worker }) => worker.status().epoch);

  one.operations.length = 0;
  switchTo([second]);
  await world.settle();
  expect(one.worker.status().projections).toMatchObject([{ projection: 'cards', generation: 2 }]);
  // Only what came after the builder's checkpoint was written again: one batch a partition.
  expect(one.operations.filter((operation) => operation === 'rows')).toHaveLength(1);
  expect(one.worker.status().epoch).toBeGreaterThan(epochs[0] ?? 0);
  expect(two.worker.status().epoch).toBe(epochs[1]);
  expect(two.worker.status().projections).toMatchObject([{ projection: 'cards', generation: 1 }]);

  two.stop();
  await world.settle();
  await say(world, 'g', 'h', 'i', 'j');
  await world.settle();
  expect(rowsOf(world, second)).toEqual(due(world, second));
  expect(rowsOf(world, first)).toEqual(before);
});

test('a projection that had stopped goes on in the version that is live now', async () => {
  const broken = { projection: cards('halt'), generation: 1 };
  const other = { projection: titles(), generation: 1 };
  const world = await opened(loud);
  const { hosting, switchTo } = switchable([broken, other]);
  await say(world, 'a', poison, 'c');
  const worker = world.start(undefined, {}, hosting);
  await world.settle();
  expect(worker.worker.status().projections).toMatchObject([{ state: 'halted' }, {}]);
  switchTo([loud, other]);
  await world.settle();
  expect(worker.worker.status().projections).toMatchObject([{ state: 'running', version: 2 }, {}]);
  expect(rowsOf(world, loud)).toEqual(due(world, loud));
  expect(rowsOf(world, loud).map(({ values }) => values[0])).toContain('POISON');
});

test('a late write to a former generation, whose table is gone by then, stops nothing', async () => {
  const world = await opened(second);
  const { hosting, switchTo } = switchable([first]);
  await say(world, 'a', 'b');
  let held = 0;
  const worker = world.start(
    (_, operation) => {
      if (operation !== 'rows' || held === 2) return undefined;
      held += 1;
      return { kind: 'hold' };
    },
    {},
    hosting,
  );
  await world.settle();
  expect(held).toBe(2);
  switchTo([second]);
  await world.settle();
  world.store.drop(readModelOf(first));
  worker.release();
  await world.settle();
  expect(worker.ended).toBe(false);
  expect(worker.worker.status().projections).toMatchObject([{ state: 'running', generation: 2 }]);
  expect(rowsOf(world, second)).toEqual(due(world, second));
});

test('a former generation that fails between the switch and the next epoch does not end the worker', async () => {
  const broken = { projection: cards('halt'), generation: 1 };
  const world = await opened(loud);
  const { hosting, switchTo } = switchable([broken]);
  // The poison stands behind a row of its partition, whose write hangs.
  await say(world, 'a', 'b', poison);
  const worker = world.start(
    (_, operation) => (operation === 'rows' ? { kind: 'hold' } : undefined),
    {},
    hosting,
  );
  await world.until(() => worker.operations.includes('rows'));
  // It hears of the switch only when it asks for its next epoch.
  const restart = worker.consumer?.restart.bind(worker.consumer);
  if (worker.consumer !== null) worker.consumer.restart = () => undefined;
  switchTo([loud]);
  worker.release();
  await world.settle();
  expect(worker.ended).toBe(false);
  restart?.();
  worker.release();
  await world.settle();
  worker.release();
  await world.settle();
  expect(worker.ended).toBe(false);
  expect(worker.worker.status().projections).toMatchObject([{ state: 'running', version: 2 }]);
});

test('where nothing is hosted nothing is read, until something is', async () => {
  const world = await opened(loud);
  const { hosting, switchTo, isOver } = switchable([]);
  const contents = Array.from({ length: 30 }, (_, at) => `number ${at}`);
  await say(world, ...contents);
  const handed = countHanded(world);
  const worker = world.start(undefined, {}, hosting);
  await world.settle();
  expect(worker.operations).toEqual([]);
  // One fetch of each partition is held back, and no more are made.
  expect(handed()).toBeLessThan(contents.length / 2);
  expect(worker.worker.status()).toMatchObject({ projections: [], bytesInFlight: 0 });
  switchTo([loud]);
  await world.settle();
  expect(rowsOf(world, loud)).toEqual(due(world, loud));
  worker.stop();
  await world.settle();
  expect(worker.error).toBeNull();
  expect(isOver()).toBe(true);
});

/** Records that consumers hand over from now on. */
function countHanded(world: World): () => number {
  let handed = 0;
  const open = world.log.consumer.bind(world.log);
  world.log.consumer = async (group, topic) => {
    const consumer = await open(group, topic);
    const run = consumer.run.bind(consumer);
    consumer.run = (handlers) =>
      run({
        assigned: (epoch, partitions) => handlers.assigned(epoch, partitions),
        revoked: (epoch) => handlers.revoked(epoch),
        batch: (epoch, partition, batch) => {
          handed += batch.records.length;
          return handlers.batch(epoch, partition, batch);
        },
      });
    return consumer;
  };
  return () => handed;
}

test('a switch that is told while the worker drains begins nothing', async () => {
  const world = await opened(second);
  const { hosting, switchTo } = switchable([first]);
  await say(world, 'a', 'b');
  const worker = world.start(
    (_, operation) => (operation === 'rows' ? { kind: 'hold' } : undefined),
    {},
    hosting,
  );
  await world.until(() => worker.operations.includes('rows'));
  worker.stop();
  switchTo([second]);
  worker.release();
  await world.settle();
  expect(worker.ended).toBe(true);
  expect(rowsOf(world, second)).toEqual([]);
  expect((await world.checkpoint('cards', 0)).offset).toBeGreaterThan(0);
});

test('aggregates switched again and again while events come add up', async () => {
  const [one, two] = [1, 2].map((generation) => ({ projection: counts(), generation }));
  const world = await new World({ projections: [counts()] }).open();
  await world.store.ensure([one!, two!].map(readModelOf));
  const { hosting, switchTo } = switchable([one!]);
  const worker = world.start(undefined, {}, hosting);
  for (let round = 0; round < 12; round += 1) {
    await say(world, ...Array.from({ length: round + 2 }, (_, at) => `${round} ${at}`));
    for (let turns = 0; turns < round; turns += 1) await world.until(() => true);
    switchTo([round % 2 === 0 ? two! : one!]);
  }
  await world.settle();
  expect(world.readModel(counts())).toEqual(world.expected()[0]);
  switchTo([two!]);
  await world.settle();
  expect(worker.worker.status().projections).toMatchObject([{ generation: 2 }]);
  expect(world.store.totals(readModelOf(two!))).toEqual(world.store.totals(readModelOf(one!)));
});
