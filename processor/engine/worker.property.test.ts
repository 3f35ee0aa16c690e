/**
 * I2, I3, I6 and I8 over random histories: whatever the events, the cuts between batches, the
 * repeated entries, and the crashes, failures and zombies at any call, the read models end as what
 * projecting the final facts gives, and no checkpoint was ever ahead of the writes (I1).
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cards, counts, type Op, type Placed } from '../../test/worker/history.ts';
import type { Fault, FaultPlan, Instance } from '../../test/worker/instance.ts';
import { turn } from '../../test/worker/virtual-clock.ts';
import { World } from '../../test/worker/world.ts';

const partitions = 2;

const opArbitrary: fc.Arbitrary<Op> = fc.record({
  entity: fc.nat({ max: 4 }),
  to: fc.option(
    fc.record({
      account: fc.constantFrom('a', 'b', null),
      tpe: fc.integer({ min: -2, max: 9 }),
      content: fc.constantFrom('x', 'y'),
      partition: fc.nat({ max: partitions - 1 }),
    }),
    { freq: 3 },
  ),
});

const faultArbitrary: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('crash' as const, 'fail' as const),
    when: fc.constantFrom('before' as const, 'partly' as const, 'after' as const),
  }),
  fc.constant<Fault>({ kind: 'hold' }),
);

/** What happens between two appends. */
type Move =
  | { readonly kind: 'append'; readonly op: Op }
  | { readonly kind: 'watermark' }
  | { readonly kind: 'repeat'; readonly entries: number }
  | { readonly kind: 'turns'; readonly turns: number }
  | { readonly kind: 'jump' }
  | { readonly kind: 'expire' | 'release' | 'start' | 'stop'; readonly which: number };

const moveArbitrary: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('append' as const), op: opArbitrary }) },
  { weight: 1, arbitrary: fc.constant<Move>({ kind: 'watermark' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('repeat' as const),
      entries: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('turns' as const),
      turns: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Move>({ kind: 'jump' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'expire' as const,
        'release' as const,
        'start' as const,
        'stop' as const,
      ),
      which: fc.nat({ max: 3 }),
    }),
  },
);

const historyArbitrary = fc.record({
  moves: fc.array(moveArbitrary, { minLength: 5, maxLength: 45 }),
  faults: fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), faultArbitrary), { maxLength: 8 }),
  fetchRecordsMax: fc.integer({ min: 1, max: 6 }),
  batchRecordsMax: fc.integer({ min: 1, max: 8 }),
  batchRowsMax: fc.integer({ min: 1, max: 8 }),
  sliceRecords: fc.integer({ min: 1, max: 4 }),
  totalsCacheEntriesMax: fc.integer({ min: 1, max: 3 }),
  checkpointIntervalMs: fc.constantFrom(0, 100, 10_000),
  gatherMsMax: fc.constantFrom(0, 50),
  decodesLate: fc.boolean(),
  /** More than is promised: a lane from the beginning is right whoever has written before. */
  isNew: fc.boolean(),
});

type RandomHistory = typeof historyArbitrary extends fc.Arbitrary<infer T> ? T : never;

test('any history, cut, repeated and interrupted in any way, ends in the final facts', async () => {
  await fc.assert(
    fc.asyncProperty(historyArbitrary, async (history) => {
      const world = await play(history);
      expect(world.violations).toEqual([]);
      expect(world.readModels()).toEqual(world.expected());
    }),
    { numRuns: 1000 },
  );
}, 60_000);

async function play({
  moves,
  faults,
  fetchRecordsMax,
  isNew,
  ...settings
}: RandomHistory): Promise<World> {
  const projections = [cards(), counts()];
  const hosted = projections.map((projection) => ({ projection, generation: 1, isNew }));
  const world = await new World({
    projections,
    partitions,
    fetchRecordsMax,
    settings: { ...settings, hosted },
  }).open();
  let step = 0;
  const plan: FaultPlan = () => {
    step += 1;
    return faults.find(([at]) => at === step)?.[1];
  };
  const alive = () => world.instances.filter((instance) => !instance.dead && !instance.ended);
  const sent: Placed[] = [];
  world.start(plan);
  for (const move of moves) {
    await make(move, world, alive(), sent, plan);
    if (alive().length === 0) world.start(plan);
  }
  await finish(world);
  return world;
}

async function make(
  move: Move,
  world: World,
  alive: readonly Instance[],
  sent: Placed[],
  plan: FaultPlan,
): Promise<void> {
  switch (move.kind) {
    case 'append':
    case 'watermark': {
      const placed =
        move.kind === 'append' ? world.history.apply(move.op) : world.history.watermark(partitions);
      sent.push(...placed);
      return world.append(placed);
    }
    case 'repeat':
      return world.append(sent.slice(-move.entries));
    case 'turns':
      for (let turns = 0; turns < move.turns; turns += 1) await turn();
      return;
    case 'jump':
      world.clock.jump();
      return;
    case 'start':
      if (alive.length < 3) world.start(plan);
      return;
    case 'stop':
      alive[move.which % alive.length]?.stop();
      return;
    case 'release':
      world.instances[move.which % world.instances.length]?.release();
      return;
    case 'expire': {
      const { consumer } = alive[move.which % alive.length] ?? {};
      if (consumer !== undefined && consumer !== null) world.log.expire(consumer);
    }
  }
}

/** A healthy worker reads to the end; then the zombies let go of what they held. */
async function finish(world: World): Promise<void> {
  for (const instance of world.instances) instance.kill();
  world.start();
  await world.settle();
  for (const instance of world.instances) instance.release();
  await world.settle();
}
