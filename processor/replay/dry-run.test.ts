import { expect, test } from 'vitest';
import { cards, counts, poison } from '../../test/worker/history.ts';
import { ReplayProcess, ReplayWorld } from '../../test/worker/replay-world.ts';
import { isAtEnd, plannedReads, sampledRate } from './dry-run.ts';

async function filled(records: number): Promise<ReplayWorld> {
  const world = await new ReplayWorld({ projections: [cards(), counts()], partitions: 2 }).open();
  for (let at = 0; at < records; at += 1) {
    const content = at === 3 ? poison : 'x';
    const op = { entity: at, to: { account: 'a', tpe: 1, content, partition: at % 2 } };
    await world.world.append(world.world.history.apply(op));
  }
  return world;
}

test('it counts what is to be read, an unfinished build from where it is', async () => {
  const world = await filled(40);
  const ports = new ReplayProcess(world, null).ports();
  const plan = () => plannedReads(ports, world.settings(), world.projections, null);
  expect(await plan()).toMatchObject([
    { projection: 'cards', resumes: false, records: 40, partitions: [{ records: 20 }, {}] },
    { projection: 'counts', resumes: false, records: 40 },
  ]);
  const run = world.start({ eventsPerSecondMax: 20, acceptDeadLetters: true });
  await world.world.until(() => (world.progress.at(-1)?.done ?? 0) >= 10);
  run.process.stop();
  await world.ended(run);
  const [left] = await plan();
  expect(left?.resumes).toBe(true);
  expect(left?.records).toBeLessThanOrEqual(30);
});

test('the sample reads and folds, and writes nothing anywhere', async () => {
  const world = await filled(200);
  const process = new ReplayProcess(world, null);
  const never = new AbortController().signal;
  const sampling = sampledRate(process.ports(), world.settings(), world.projections, 1000, never);
  let sample: Awaited<typeof sampling> | undefined;
  void sampling.then((found) => {
    sample = found;
  });
  await world.world.until(() => sample !== undefined);
  expect(sample?.records).toBe(200);
  expect(world.world.deadLetters()).toEqual([]);
  expect(world.world.readModels()).toEqual([[], []]);
  expect((await world.generations.list('cards')).length).toBe(1);
});

test('a partition of which nothing was fetched yet has not come to its end', () => {
  const at = (offset: number, endOffset: number | null) => ({ reached: { offset }, endOffset });
  expect(isAtEnd([])).toBe(false);
  expect(isAtEnd([at(0, null), at(5, 5)])).toBe(false);
  expect(isAtEnd([at(4, 5), at(5, 5)])).toBe(false);
  expect(isAtEnd([at(0, 0), at(5, 5)])).toBe(true);
});
