/** The worker against the memory forms of its ports: every promise of DESIGN 3.5 that needs no server. */
import { describe, expect, test } from 'vitest';
import { cards, counts, type Op, type Placed, type StepValue } from '../../test/worker/history.ts';
import type { Fault, FaultPlan, Instance } from '../../test/worker/instance.ts';
import { World, type WorldOptions } from '../../test/worker/world.ts';

const value = (account: string | null, tpe: number, partition = 0): StepValue => {
  return { account, tpe, content: `c${tpe}`, partition };
};

/** Creations, corrections, a move to another account, one to another session, deletions. */
const ops: readonly Op[] = [
  { entity: 0, to: value('a', 1) },
  { entity: 1, to: value('a', 2) },
  { entity: 2, to: value('b', 3, 1) },
  { entity: 1, to: value('b', 2) },
  { entity: 3, to: value(null, 4, 1) },
  { entity: 3, to: value('a', 4, 1) },
  { entity: 0, to: value('a', 5, 1) },
  { entity: 2, to: null },
  { entity: 4, to: value('c', 6) },
  { entity: 1, to: value('b', 9) },
  { entity: 4, to: null },
  { entity: 0, to: value('c', 7) },
];

async function opened(options: Partial<WorldOptions> = {}): Promise<World> {
  return new World({ projections: [cards(), counts()], ...options }).open();
}

async function fill(world: World): Promise<void> {
  for (const op of ops) await world.append(world.history.apply(op));
  await world.append(world.history.watermark(2));
}

function faultAt(step: number, fault: Fault): FaultPlan {
  return (now) => (now === step ? fault : undefined);
}

function expectRight(world: World): void {
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
}

describe('rows', () => {
  test('the read models are what projecting the final facts gives', async () => {
    const world = await opened();
    await fill(world);
    await runToRest(world);
    expectRight(world);
    expect(world.readModel(cards()).length).toBeGreaterThan(1);
  });

  test('a batch writes a row once, however many of its events changed it', async () => {
    const world = await opened({
      fetchRecordsMax: 100,
      settings: { batchRecordsMax: 100, sliceRecords: 5 },
    });
    await fill(world);
    const { operations } = await runToRest(world);
    expect(operations.filter((each) => each === 'rows')).toHaveLength(2);
    expect(operations.filter((each) => each === 'totals')).toHaveLength(2);
    expectRight(world);
  });

  test('a batch ends when a projection has enough rows to write', async () => {
    const world = await opened({
      fetchRecordsMax: 100,
      settings: { batchRecordsMax: 100, sliceRecords: 1, batchRowsMax: 2 },
    });
    await fill(world);
    const { operations } = await runToRest(world);
    expect(operations.filter((each) => each === 'rows').length).toBeGreaterThan(4);
    expectRight(world);
  });

  test('totals that were dropped from memory are read again', async () => {
    const world = await opened({ settings: { totalsCacheEntriesMax: 1 } });
    await fill(world);
    const { operations } = await runToRest(world);
    expect(operations.filter((each) => each === 'totals-read').length).toBeGreaterThan(2);
    expectRight(world);
  });
});

describe('crashes', () => {
  const whens = ['before', 'partly', 'after'] as const;

  test.each(whens)(
    'killed at any call, %s it is applied, a fresh worker ends in the same rows',
    async (when) => {
      const steps = await quietSteps();
      for (let step = 1; step <= steps; step += 1) {
        const world = await opened();
        await fill(world);
        const first = world.start(faultAt(step, { kind: 'crash', when }));
        await world.settle();
        expect(first.dead).toBe(true);
        await runToRest(world);
        expectRight(world);
      }
    },
  );

  test('a fresh worker that meets totals ahead of its checkpoint skips what they hold', async () => {
    const world = await opened();
    await fill(world);
    // No checkpoint ever arrives: all is delivered again from the beginning.
    const first = world.start((_, operation) =>
      operation === 'checkpoint' ? { kind: 'crash', when: 'before' } : undefined,
    );
    await world.settle();
    expect(first.dead).toBe(true);
    expect(world.readModel(counts()).length).toBeGreaterThan(0);
    await runToRest(world);
    expectRight(world);
  });
});

describe('errors of the store', () => {
  const whens = ['before', 'partly', 'after'] as const;

  test.each(whens)(
    'a write that failed, %s it was applied, is repeated and counts once',
    async (when) => {
      const steps = await quietSteps();
      for (let step = 1; step <= steps; step += 1) {
        const world = await opened();
        await fill(world);
        const instance = world.start(faultAt(step, { kind: 'fail', when }));
        await world.settle();
        expect(instance.ended).toBe(false);
        expectRight(world);
      }
    },
  );

  test('a store that is down for a while costs pauses that grow, and nothing else', async () => {
    const world = await opened();
    await fill(world);
    const startedMs = world.clock.nowMs();
    let failures = 0;
    world.start((_, operation) => {
      if (operation !== 'rows' || failures >= 12) return undefined;
      failures += 1;
      return { kind: 'fail', when: 'before' };
    });
    await world.settle();
    expectRight(world);
    expect(world.clock.nowMs() - startedMs).toBeGreaterThan(
      2 ** 4 * world.settings.retryDelayMsMin,
    );
  });

  test('an error for good stops its projection, and the others go on', async () => {
    const world = await opened();
    await fill(world);
    const instance = world.start((_, operation) =>
      operation === 'totals' ? { kind: 'refuse' } : undefined,
    );
    await world.settle();
    expect(world.readModel(cards())).toEqual(world.expected()[0]);
    const [first, second] = instance.worker.status().projections;
    expect(first).toMatchObject({ projection: 'cards', state: 'running', error: null });
    expect(second).toMatchObject({
      projection: 'counts',
      state: 'halted',
      error: 'totals refused',
    });
    expect(await world.checkpoint('counts', 0)).toMatchObject({ position: -1 });
    expect(instance.ended).toBe(false);
  });

  test('a worker all of whose projections have stopped ends with the reason', async () => {
    const world = await opened({ projections: [cards()] });
    await fill(world);
    const instance = world.start((_, operation) =>
      operation === 'rows' ? { kind: 'refuse' } : undefined,
    );
    await world.settle();
    expect(instance.error).toMatchObject({ code: 'STORE', message: 'rows refused' });
  });
});

describe('redelivery (I2)', () => {
  test('entries that come again at the same positions change nothing', async () => {
    const world = await opened();
    const sent: Placed[] = [];
    for (const op of ops) {
      const placed = world.history.apply(op);
      sent.push(...placed);
      await world.append(placed);
      // A second sequencer, at work on the same changes, some way behind.
      await world.append(sent.slice(-3));
    }
    await runToRest(world);
    expectRight(world);
  });

  test.each([0, 1])(
    'of projections hosted together each goes on where it was (%i ahead)',
    async (ahead) => {
      const world = await opened();
      await fill(world);
      const name = world.settings.hosted[ahead]?.projection.name ?? '';
      const alone = world.start(() => undefined, {
        group: 'alone',
        hosted: world.settings.hosted.slice(ahead, ahead + 1),
      });
      await world.settle();
      alone.stop();
      await world.settle();
      const before = await world.checkpoint(name, 0);
      const { operations } = await runToRest(world);
      // What it wrote is not written again, though the other one reads it all.
      expect(operations).not.toContain(['rows', 'totals'][ahead]);
      expect(operations).not.toContain(['', 'totals-read'][ahead]);
      expect(await world.checkpoint(name, 0)).toEqual(before);
      expectRight(world);
    },
  );
});

async function runToRest(world: World): Promise<Instance> {
  const instance = world.start();
  await world.settle();
  return instance;
}

async function quietSteps(): Promise<number> {
  const world = await opened();
  await fill(world);
  const { steps } = await runToRest(world);
  expect(steps).toBeGreaterThan(12);
  return steps;
}
