/** What a worker does while its totals are held, and what it knows of them afterwards. */
import { expect, test } from 'vitest';
import { cards, counts, jsonDecoder, type StepValue } from '../../test/worker/history.ts';
import { World } from '../../test/worker/world.ts';
import { silentLogger } from '../logger.ts';
import { definitionsOf } from '../projection/definitions.ts';
import { LiveHosting } from './live-hosting.ts';
import { MemoryGenerations } from './memory-generations.ts';
import { MemoryHolds } from './memory-holds.ts';
import { readModelOf } from './worker-settings.ts';

const partitions = 2;
const value = (content: string, partition: number): StepValue => {
  return { account: 'a', tpe: 1, content, partition };
};

async function opened() {
  const world = await new World({ projections: [cards(), counts()], partitions }).open();
  const [, hosted] = world.settings.hosted;
  if (hosted === undefined) throw new Error('there are two');
  const model = readModelOf(hosted);
  const generations = new MemoryGenerations(world.clock);
  const holds = new MemoryHolds(world.clock);
  const start = async () => {
    const ports = {
      generations,
      holds,
      checkpoints: world.store,
      clock: world.clock,
      logger: silentLogger,
      prepare: world.store.ensure.bind(world.store),
      told: () => undefined,
      said: new Map(),
    };
    const hosting = await LiveHosting.open(ports, definitionsOf([cards(), counts()], []));
    return world.start(undefined, {}, hosting);
  };
  const ends = () => world.log.partitions('events').map(({ records }) => records.length);
  /** Everything is taken, of each that is hosted. */
  const taken = async (names: readonly string[]) => {
    const reached = new Map<string, number>();
    await world.until(() => {
      for (const name of names) {
        for (let partition = 0; partition < partitions; partition += 1) {
          void world.checkpoint(name, partition).then(({ offset }) => {
            reached.set(`${name}/${partition}`, offset);
          });
        }
      }
      return names.every((name) => ends().every((end, at) => reached.get(`${name}/${at}`) === end));
    });
  };
  // Steps that were not there before: each is one more.
  let made = 0;
  const say = async (...contents: readonly string[]) => {
    for (const content of contents) {
      const entity = made++;
      await world.append(world.history.apply({ entity, to: value(content, entity % partitions) }));
    }
    await world.append(world.history.watermark(partitions));
  };
  return { world, model, holds, start, taken, say };
}

/** The position of the last watermark of the partition. */
function markOf(world: World, partition: number): number {
  const last = world.log.partitions('events')[partition]?.records.at(-1)?.value;
  if (last === null || last === undefined) throw new Error('the log is empty');
  return jsonDecoder.decode(last).position;
}

/** Every row of totals as it is, but for the first column. */
function shift(world: World, model: ReturnType<typeof readModelOf>, by: number, isMarked: boolean) {
  for (const { key, shard, totals, position } of world.store.totals(model)) {
    const cells = totals.map((total, column) => total + (column === 0 ? by : 0));
    const at = isMarked ? markOf(world, shard) : position;
    world.store.put(model, [...key, shard], [...cells, at], isMarked ? at : position + 1);
  }
}

test.each([
  ['held meanwhile, it goes on from what was repaired', true],
  ['not held, it writes back what it had in memory', false],
])('a worker with wrong totals in memory: %s', async (_, isHeld) => {
  const { world, model, holds, start, taken, say } = await opened();
  const first = await start();
  await say('a', 'b', 'c', 'd');
  await taken(['cards', 'counts']);
  first.stop();
  await world.until(() => first.ended);
  shift(world, model, 1, false);
  const worker = await start();
  await say('e', 'f', 'g', 'h');
  await taken(['cards', 'counts']);
  expect(world.readModel(counts())).not.toEqual(world.expected()[1]);

  if (isHeld) {
    await holds.hold('counts', { owner: 'me', untilMs: world.clock.nowMs() + 60_000 });
    await world.until(() => worker.worker.status().projections.length === 1);
  }
  // The log goes on, and so does what is not held.
  await say();
  await taken(isHeld ? ['cards'] : ['cards', 'counts']);
  shift(world, model, -1, true);
  await holds.release('counts', 'me');
  await say('i', 'j', 'k', 'l');
  await taken(['cards', 'counts']);
  if (isHeld) expect(world.readModels()).toEqual(world.expected());
  else expect(world.readModel(counts())).not.toEqual(world.expected()[1]);
  expect(world.violations).toEqual([]);
  worker.stop();
  await world.until(() => worker.ended);
});
