/** How a worker shares, waits and ends: groups, zombies, back-pressure, watermarks, checkpoints, drain. */
import { expect, test } from 'vitest';
import { cards, counts, jsonDecoder, type Op, type StepValue } from '../../test/worker/history.ts';
import { turn } from '../../test/worker/virtual-clock.ts';
import { World, type WorldOptions } from '../../test/worker/world.ts';
import type { ConsumerHandlers, FetchedBatch, LogConsumer } from '../kafka/log.ts';
import { silentLogger } from '../logger.ts';
import { silentObserver } from './observer.ts';
import type { Checkpoint } from './store.ts';
import { createWorker } from './worker.ts';

const value = (tpe: number, partition = 0): StepValue => {
  return { account: 'a', tpe, content: `c${tpe}`, partition };
};

async function opened(options: Partial<WorldOptions> = {}): Promise<World> {
  return new World({ projections: [cards(), counts()], ...options }).open();
}

async function append(world: World, ops: readonly Op[]): Promise<void> {
  for (const op of ops) await world.append(world.history.apply(op));
}

function expectRight(world: World): void {
  expect(world.violations).toEqual([]);
  expect(world.readModels()).toEqual(world.expected());
}

const many = (count: number, partition = 0, from = 0): readonly Op[] =>
  Array.from({ length: count }, (_, index) => {
    return { entity: from + index, to: value(index, partition) };
  });

test('two workers divide the partitions, and one takes over what the other leaves', async () => {
  const world = await opened({ partitions: 4 });
  for (let partition = 0; partition < 4; partition += 1) {
    await append(world, many(5, partition, partition * 10));
  }
  const [one, two] = [world.start(), world.start()];
  await world.settle();
  const held = ({ worker }: typeof one) =>
    worker.status().projections[0]?.partitions.map(({ partition }) => partition) ?? [];
  expect([...held(one), ...held(two)].sort()).toEqual([0, 1, 2, 3]);
  expect(held(one)).toHaveLength(2);
  one.stop();
  await append(world, many(5, 0, 100));
  await world.settle();
  expect(one.ended && one.error === null).toBe(true);
  expect(held(two)).toEqual([0, 1, 2, 3]);
  expectRight(world);
});

test('a zombie whose writes arrive after those of its successor changes nothing (I6)', async () => {
  const world = await opened();
  await append(world, many(6));
  const zombie = world.start((_, operation) =>
    operation === 'rows' || operation === 'totals' ? { kind: 'hold' } : undefined,
  );
  await world.settle();
  zombie.kill();
  await append(world, [
    { entity: 0, to: null },
    { entity: 1, to: value(50) },
    { entity: 2, to: value(51, 1) },
  ]);
  world.start();
  await world.settle();
  expectRight(world);
  zombie.release();
  await world.settle();
  expectRight(world);
});

test('a zombie that goes on working beside its successor changes nothing, and learns it (I6)', async () => {
  const world = await opened();
  await append(world, many(6));
  const zombie = world.start((_, operation) =>
    operation === 'totals-read' ? { kind: 'hold' } : undefined,
  );
  await world.settle();
  if (zombie.consumer === null) throw new Error('no consumer');
  world.log.expire(zombie.consumer);
  world.start();
  await append(world, [
    { entity: 0, to: null },
    { entity: 1, to: value(50) },
  ]);
  await world.settle();
  zombie.release();
  await world.settle();
  zombie.release();
  await append(world, [{ entity: 3, to: value(70) }]);
  await world.settle();
  zombie.release();
  await world.settle();
  expectRight(world);
});

test('no checkpoint is saved after its epoch is over', async () => {
  const world = await opened({ projections: [cards()] });
  await append(world, many(3));
  let held = false;
  const zombie = world.start((_, operation) => {
    if (operation !== 'rows' || held) return undefined;
    held = true;
    return { kind: 'hold' };
  });
  await world.settle();
  if (zombie.consumer === null) throw new Error('no consumer');
  world.log.expire(zombie.consumer);
  world.log.notice(zombie.consumer);
  await world.settle();
  const saves = () => zombie.operations.filter((each) => each === 'checkpoint').length;
  const ofTheNewEpoch = saves();
  expect(ofTheNewEpoch).toBeGreaterThan(0);
  zombie.release();
  await world.settle();
  expect(saves()).toBe(ofTheNewEpoch);
  expectRight(world);
});

test('bytes in flight stay within their limit while the store is slow', async () => {
  let most = 0;
  const world = await opened({
    settings: { bytesInFlightMax: 6000, batchRecordsMax: 1 },
    observer: {
      bytesInFlight: (bytes) => {
        most = Math.max(most, bytes);
      },
    },
  });
  await append(world, many(60));
  await append(world, many(60, 1, 100));
  const slow = world.start((_, operation) => (operation === 'rows' ? { kind: 'hold' } : undefined));
  await world.settle();
  expect(slow.worker.status().bytesInFlight).toBeGreaterThan(3000);
  expect(most).toBeLessThanOrEqual(6000);
  while (slow.worker.status().bytesInFlight > 0) {
    slow.release();
    await world.settle();
  }
  expect(most).toBeLessThanOrEqual(6000);
  expectRight(world);
});

test('a fetch larger than the limit passes alone', async () => {
  const world = await opened({ settings: { bytesInFlightMax: 10 } });
  await append(world, many(9));
  await append(world, many(9, 1, 100));
  world.start();
  await world.settle();
  expectRight(world);
});

test('what queues up while a batch is written is the next batch', async () => {
  const sizes: number[] = [];
  const world = await opened({
    projections: [cards()],
    settings: { batchRecordsMax: 100 },
    observer: { finished: ({ records }) => sizes.push(records) },
  });
  await append(world, many(1));
  const slow = world.start((_, operation) => (operation === 'rows' ? { kind: 'hold' } : undefined));
  await world.settle();
  for (const op of many(30, 0, 100)) await append(world, [op]);
  await world.settle();
  slow.release();
  await world.settle();
  slow.release();
  await world.settle();
  expect(sizes).toEqual([1, 30]);
});

test('a watermark is seen when the writes before it are acknowledged, not sooner (I4)', async () => {
  const world = await opened({ partitions: 1, projections: [cards()] });
  await append(world, many(2));
  await world.append(world.history.watermark(1));
  const slow = world.start((_, operation) => (operation === 'rows' ? { kind: 'hold' } : undefined));
  const watermark = () => slow.worker.status().projections[0]?.watermark;
  await world.settle();
  expect(watermark()).toBeNull();
  slow.release();
  await world.until(() => watermark() !== null);
  expect(watermark()).toEqual({ lsn: 3048, committedAt: 1_700_000_002_048 });
  await world.settle();
  expect(await world.checkpoint('cards', 0)).toMatchObject({ watermark: watermark() });
});

test('the watermark of a projection is the least of its partitions', async () => {
  const world = await opened({ projections: [cards()] });
  const [first] = world.history.watermark(1);
  const second = world.history.watermark(2)[1];
  if (first === undefined || second === undefined) throw new Error('no watermark');
  const instance = world.start();
  await world.append([second]);
  await world.settle();
  expect(instance.worker.status().projections[0]?.watermark).toBeNull();
  await world.append([first]);
  await world.settle();
  expect(instance.worker.status().projections[0]?.watermark?.lsn).toBe(1000);
});

test('watermarks are seen at once and checkpointed at most once per interval', async () => {
  const world = await opened({
    partitions: 1,
    projections: [cards()],
    settings: { checkpointIntervalMs: 1000, commitIntervalMs: 5000 },
  });
  const instance = world.start();
  await world.settle();
  const saves = () => instance.operations.filter((each) => each === 'checkpoint').length;
  const commits = () => instance.operations.filter((each) => each === 'commit').length;
  let last = 0;
  for (let round = 0; round < 20; round += 1) {
    const placed = world.history.watermark(1);
    await world.append(placed);
    await turn();
    last = instance.worker.status().projections[0]?.watermark?.lsn ?? 0;
    expect(last).toBe(1000 + (placed[0]?.entry.position ?? 0));
    world.clock.passMs(100);
  }
  expect(saves()).toBeLessThanOrEqual(3);
  await world.settle();
  expect(commits()).toBeLessThanOrEqual(2);
  expect((await world.checkpoint('cards', 0)).watermark?.lsn).toBe(last);
});

test("the group's offset is the least checkpoint of its projections", async () => {
  const world = await opened({ settings: { batchRecordsMax: 2 } });
  await append(world, many(7));
  const ahead = world.start(() => undefined, {
    group: 'alone',
    hosted: world.settings.hosted.slice(0, 1),
  });
  await world.settle();
  ahead.stop();
  await world.settle();
  let writes = 0;
  const instance = world.start((_, operation) => {
    if (operation === 'totals') writes += 1;
    return operation === 'totals' && writes === 2 ? { kind: 'hold' } : undefined;
  });
  await world.settle();
  const admin = await world.log.admin();
  const committed = () => admin.committedOffsets('workers', 'events');
  expect((await world.checkpoint('cards', 0)).offset).toBe(7);
  expect(await committed()).toEqual([2, null]);
  instance.release();
  await world.settle();
  expect(await committed()).toEqual([7, null]);
});

test('an orderly stop writes what is queued, checkpoints, commits and leaves', async () => {
  const world = await opened();
  await append(world, many(20));
  let writes = 0;
  const instance = world.start((_, operation) => {
    if (operation !== 'rows') return undefined;
    writes += 1;
    return writes === 1 ? { kind: 'hold' } : undefined;
  });
  await world.until(() => instance.worker.status().bytesInFlight > 3000);
  const stoppedAtMs = world.clock.nowMs();
  instance.stop();
  await turn();
  expect(instance.ended).toBe(false);
  instance.release();
  await world.settle();
  expect(instance.ended && instance.error === null).toBe(true);
  expect(world.clock.nowMs() - stoppedAtMs).toBeLessThan(world.settings.drainMsMax);
  const { offset } = await world.checkpoint('cards', 0);
  expect(offset).toBeGreaterThan(8);
  const admin = await world.log.admin();
  expect((await admin.committedOffsets('workers', 'events'))[0]).toBe(offset);
  world.start();
  await world.settle();
  expectRight(world);
});

test('a stop does not wait longer than drainMsMax for a store that hangs', async () => {
  const world = await opened({ settings: { drainMsMax: 700 } });
  await append(world, many(5));
  const instance = world.start((_, operation) =>
    operation === 'rows' ? { kind: 'hold' } : undefined,
  );
  await world.settle();
  const stoppedAtMs = world.clock.nowMs();
  instance.stop();
  await world.settle();
  expect(instance.ended && instance.error === null).toBe(true);
  expect(world.clock.nowMs() - stoppedAtMs).toBe(700);
  expect(await world.checkpoint('cards', 0)).toMatchObject({ offset: 0 });
});

test('another number of partitions than configured is refused with a sentence', async () => {
  const world = await opened({ partitions: 2 });
  const instance = world.start(() => undefined, { partitions: 12 });
  await world.settle();
  expect(instance.error).toMatchObject({ code: 'PARTITION_COUNT' });
  expect(String(instance.error)).toMatch(/events has 2 partitions, 12 are configured/);
  const absent = world.start(() => undefined, { eventsTopic: 'nowhere' });
  await world.settle();
  expect(String(absent.error)).toMatch(/nowhere does not exist/);
});

/** A consumer in the test's own hands, for what the log in memory never does. */
async function handDriven(world: World) {
  let handlers: ConsumerHandlers | null = null;
  const saved: Checkpoint[] = [];
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const consumer: LogConsumer = {
    run: (given) => {
      handlers = given;
      return new Promise(() => undefined);
    },
    commit: () => Promise.resolve('committed'),
    restart: () => undefined,
    stop: () => Promise.resolve(),
  };
  const worker = createWorker(
    {
      log: {
        admin: () => world.log.admin(),
        producer: () => world.log.producer(),
        consumer: () => Promise.resolve(consumer),
      },
      store: {
        ensure: (models) => world.store.ensure(models),
        loadTotals: (...args) => world.store.loadTotals(...args),
        writeTotals: (...args) => world.store.writeTotals(...args),
        writeRows: async (...args) => {
          await opened;
          await world.store.writeRows(...args);
        },
      },
      checkpoints: {
        load: (model) => world.store.load(model),
        save: (_model, _partition, checkpoint) => {
          saved.push(checkpoint);
          return Promise.resolve();
        },
      },
      letters: world.letters,
      decoder: jsonDecoder,
      clock: world.clock,
      random: () => 0,
      observer: silentObserver,
      logger: silentLogger,
    },
    world.settings,
  );
  worker.run(new AbortController().signal).catch(() => undefined);
  await world.settle();
  if (handlers === null) throw new Error('the worker does not read');
  return { worker, handlers: handlers as ConsumerHandlers, saved, open };
}

async function fetched(world: World, op: Op): Promise<FetchedBatch> {
  await append(world, [op]);
  const { records } = world.log.partitions('events')[0] ?? { records: [] };
  return { records: records.slice(-1), endOffset: records.length };
}

test('from the end of an epoch to the next one no checkpoint is saved', async () => {
  const world = await opened({ projections: [cards()] });
  const { handlers, saved, open } = await handDriven(world);
  await handlers.assigned(1, new Map([[0, null]]));
  await handlers.batch(1, 0, await fetched(world, { entity: 0, to: value(1) }));
  await world.settle();
  handlers.revoked(1);
  open();
  await world.settle();
  expect(world.readModels()).toEqual(world.expected());
  expect(saved).toEqual([]);
});

test('a fetch of a former epoch is dropped, a revocation of it ends nothing', async () => {
  const world = await opened({ projections: [cards()] });
  const { worker, handlers, saved, open } = await handDriven(world);
  open();
  await handlers.assigned(1, new Map([[0, null]]));
  await handlers.assigned(2, new Map([[0, null]]));
  handlers.revoked(1);
  const stale = await fetched(world, { entity: 0, to: value(1) });
  await handlers.batch(1, 0, stale);
  await world.settle();
  expect(world.readModel(cards())).toEqual([]);
  await handlers.batch(2, 0, stale);
  await world.settle();
  expect(world.readModels()).toEqual(world.expected());
  expect(saved).toHaveLength(1);
  expect(worker.status().epoch).toBe(2);
});
