/** Discards of dead letters: who reads knows that nobody waits for them any more, once, whoever crashes when. */
import { expect, test } from 'vitest';
import { counts, poison } from '../../test/worker/history.ts';
import {
  apply,
  contents,
  discardAll,
  expectRight,
  mendedWorld,
  names,
  opened,
  retryAll,
  savedOnce,
  totals,
  value,
} from '../../test/worker/mended-world.ts';

test('a discard leaves the read model as it is, whole by what it says, and no retry brings the letter in', async () => {
  const world = await mendedWorld();
  const instance = world.start();
  await world.settle();
  await discardAll(world);
  await retryAll(world);
  await discardAll(world);
  await world.settle();
  expect(world.violations).toEqual([]);
  expect(contents(world)).toEqual(['one']);
  expect(totals(world)).toEqual([[1, 1]]);
  expect(instance.worker.status().projections.map(({ state }) => state)).toEqual([
    'running',
    'running',
  ]);
  for (const name of names) {
    expect(await world.checkpoint(name, 0)).toMatchObject({ deadLetters: 0 });
    expect(world.letterRows(name, 0)).toMatchObject([
      { discardedAt: expect.any(Number), retriedAt: null, tries: 0 },
    ]);
  }
});

test('a letter that a retry took is not discarded', async () => {
  const world = await mendedWorld();
  await retryAll(world);
  await discardAll(world);
  world.start();
  await world.settle();
  expectRight(world);
  expect(world.letterRows('counts', 0)).toMatchObject([
    { discardedAt: null, retriedAt: expect.any(Number) },
  ]);
});

test('a discard that comes again is counted once, and the letter with it', async () => {
  const mending = { mended: false };
  const world = await opened(mending, { partitions: 1 });
  for (const entity of [1, 2, 3]) await apply(world, { entity, to: value(poison) });
  await world.discard('counts', 0, 1);
  await apply(world, { entity: 4, to: value('four') });
  const first = world.start(savedOnce());
  await world.settle();
  first.kill();
  const decided = world.letterRows('counts', 0);
  expect(decided).toMatchObject([
    { discardedAt: null },
    { discardedAt: expect.any(Number) },
    { discardedAt: null },
  ]);
  world.start();
  await world.settle();
  expect(await world.checkpoint('counts', 0)).toMatchObject({ deadLetters: 2 });
  expect(world.letterRows('counts', 0)).toEqual(decided);
  mending.mended = true;
  await retryAll(world, 0);
  await retryAll(world, 2);
  await world.settle();
  expect(totals(world)).toEqual([[3, 3]]);
  expect(await world.checkpoint('counts', 0)).toMatchObject({ deadLetters: 0 });
});

test('a discard of another generation is passed over', async () => {
  const world = await mendedWorld();
  const hosted = world.settings.hosted.map((each) => ({ ...each, generation: 2 }));
  await world.store.ensure(
    hosted.map(({ projection, generation }) => ({ shape: projection.shape, generation })),
  );
  await discardAll(world);
  world.start(() => undefined, { hosted, group: 'replay' });
  await world.settle();
  const replayed = { shape: counts().shape, generation: 2 };
  expect(world.store.totals(replayed)).toMatchObject([{ totals: [2, 2] }]);
  expect(world.letterRows('counts', 0)).toMatchObject([{ discardedAt: null }]);
});

test('where the list names more than was counted, a discard does not let an aggregate retry the other', async () => {
  const world = await mendedWorld();
  const lane = { origin: 'counts', version: 1, generation: 1, partition: 0 };
  const letter = { offset: 0, position: 0, after: -1, eventType: null, sessionUid: null };
  await world.letters.add(lane, [{ ...letter, error: 'late', atMs: world.clock.nowMs() }]);
  await world.discard('counts', 0, 1);
  await world.retry('counts', 0, 0);
  world.start();
  await world.settle();
  expect(totals(world)).toEqual([[1, 1]]);
  await world.discard('counts', 0, 0);
  await world.settle();
  expect(await world.checkpoint('counts', 0)).toMatchObject({ deadLetters: 0 });
});
