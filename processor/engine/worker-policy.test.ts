/** What a worker does with what it can't take: dead letters, halting, records that do not decode. */
import { expect, test } from 'vitest';
import { cards, counts, poison, type StepValue, titles } from '../../test/worker/history.ts';
import { World, type WorldOptions } from '../../test/worker/world.ts';

const value = (content: string, account = 'a', partition = 0): StepValue => {
  return { account, tpe: 1, content, partition };
};

async function opened(options: Partial<WorldOptions> = {}): Promise<World> {
  return new World({ projections: [cards(), counts()], ...options }).open();
}

async function fill(world: World, contents: readonly string[]): Promise<void> {
  for (const [entity, content] of contents.entries()) {
    await world.append(world.history.apply({ entity, to: value(content) }));
  }
}

const contents = (world: World) => world.readModel(cards()).map(({ values }) => values[0]);

test('an event that a function throws on becomes its dead letter, and the rest goes on', async () => {
  const world = await opened();
  await fill(world, ['one', poison, 'three']);
  const instance = world.start();
  await world.settle();
  expect(contents(world)).toEqual(['one', 'three']);
  expect(world.violations).toEqual([]);
  expect(world.deadLetters().map(({ key }) => String(key))).toEqual(['cards', 'counts']);
  const [letter] = world.deadLetters();
  expect(letter?.headers).toEqual({
    projection: 'cards',
    version: '1',
    generation: '1',
    position: '1024',
    partition: '0',
    offset: '1',
    error: 'step 1 is poisonous',
    'event-type': 'StepRecorded',
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
  expect(letter?.value).toEqual(world.log.partitions('events')[0]?.records[1]?.value);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 3, deadLetters: 1 });
  expect(instance.worker.status().projections[0]).toMatchObject({
    state: 'degraded',
    deadLetters: 1,
  });
});

test('the checkpoint waits for the acknowledgement of the dead letters before it', async () => {
  const world = await opened({ projections: [cards()] });
  await fill(world, ['one', poison, 'three']);
  const instance = world.start((_, operation) =>
    operation === 'dead-letters' ? { kind: 'hold' } : undefined,
  );
  await world.settle();
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 0 });
  instance.release();
  await world.settle();
  expect(world.deadLetters()).toHaveLength(1);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 3, deadLetters: 1 });
});

test('dead letters are counted on over a restart, which does not write them again', async () => {
  const world = await opened({ projections: [cards()] });
  await fill(world, ['one', poison]);
  const first = world.start();
  await world.settle();
  first.stop();
  await world.settle();
  await world.append(world.history.apply({ entity: 1, to: value('mended') }));
  const second = world.start();
  await world.settle();
  // The mended step's former value still throws: it is set aside as well.
  expect(world.deadLetters()).toHaveLength(2);
  expect(second.worker.status().projections[0]).toMatchObject({ deadLetters: 2 });
});

test("a projection with onError 'halt' stays before the event that it failed on, alone", async () => {
  const world = await opened({ projections: [cards('halt'), counts()] });
  await fill(world, ['one', 'two', poison, 'four']);
  const instance = world.start();
  await world.settle();
  expect(contents(world)).toEqual(['one', 'two']);
  expect(await world.checkpoint('cards', 0)).toMatchObject({
    offset: 2,
    position: 1024,
    deadLetters: 0,
  });
  expect(await world.checkpoint('counts', 0)).toMatchObject({ offset: 4, deadLetters: 1 });
  const [halted, other] = instance.worker.status().projections;
  expect(halted?.state).toBe('halted');
  expect(halted?.error).toMatch(/position 2048 \(StepRecorded of session .*poisonous/);
  expect(other?.state).toBe('degraded');
  expect(world.violations).toEqual([]);
});

test('an aggregate that halts holds the totals of the events before, exactly', async () => {
  const world = await opened({
    projections: [counts('halt'), titles()],
    fetchRecordsMax: 100,
    settings: { batchRecordsMax: 100, sliceRecords: 100 },
  });
  await fill(world, ['one', 'two', poison, 'four']);
  world.start();
  await world.settle();
  expect(world.readModel(counts())).toEqual([{ key: ['a'], values: [2, 2] }]);
  expect(await world.checkpoint('counts', 0)).toMatchObject({ offset: 2, position: 1024 });
});

test('a projection that halted in one partition takes nothing more in the others', async () => {
  const world = await opened({ projections: [cards('halt'), counts()] });
  await fill(world, [poison]);
  world.start();
  await world.settle();
  await world.append(world.history.apply({ entity: 5, to: value('late', 'a', 1) }));
  await world.settle();
  expect(contents(world)).toEqual([]);
  expect(await world.checkpoint('counts', 1)).toMatchObject({ offset: 1 });
});

test('a record that does not decode is a dead letter of every projection, once', async () => {
  const world = await opened();
  await fill(world, ['one']);
  const junk = Buffer.from('junk');
  await world.appendRaw([
    { partition: 0, value: junk },
    { partition: 0, value: null },
  ]);
  await world.append(world.history.apply({ entity: 1, to: value('two') }));
  const first = world.start();
  await world.settle();
  expect(contents(world)).toEqual(['one', 'two']);
  const letters = world.deadLetters();
  expect(letters.map(({ key, headers }) => [String(key), headers['offset']]).sort()).toEqual([
    ['cards', '1'],
    ['cards', '2'],
    ['counts', '1'],
    ['counts', '2'],
  ]);
  expect(letters.map(({ value: bytes }) => bytes)).toContainEqual(junk);
  expect(letters[0]?.headers).not.toHaveProperty('position');
  first.stop();
  await world.settle();
  // A projection that joins later reads it all; the others are not asked again.
  world.start(() => undefined, {
    hosted: [...world.settings.hosted, { projection: titles(), generation: 1 }],
  });
  await world.settle();
  expect(
    world
      .deadLetters()
      .slice(4)
      .map(({ key }) => String(key)),
  ).toEqual(['titles', 'titles']);
});

test('events that do not concern a projection are taken all the same', async () => {
  const world = await opened({ projections: [titles()] });
  await fill(world, ['one', 'two']);
  const instance = world.start();
  await world.settle();
  expect(instance.operations).not.toContain('rows');
  expect(await world.checkpoint('titles', 0)).toMatchObject({ offset: 2, position: 1024 });
});
