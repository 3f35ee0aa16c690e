/**
 * Switches of generations over random histories: two generations of each read model, workers that hear of
 * a switch early, late or in between, that crash and whose writes hang, and others that take over. Whatever
 * happens, each generation ends as what the final facts give once it is live, and no checkpoint was ahead
 * of its own generation's writes (I1, I5, I6).
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cards, counts, projected, sortedByKey, summed } from '../../test/worker/history.ts';
import type { Fault, FaultPlan, Instance } from '../../test/worker/instance.ts';
import { turn } from '../../test/worker/virtual-clock.ts';
import { World } from '../../test/worker/world.ts';
import type { Hosting } from './hosting.ts';
import { type Hosted, readModelOf } from './worker-settings.ts';

const partitions = 2;
const projections = [cards(), counts()];

type Move =
  | { readonly kind: 'append'; readonly entity: number; readonly account: string | null }
  | { readonly kind: 'switch'; readonly which: number }
  | { readonly kind: 'hear' | 'stop' | 'release' | 'expire'; readonly which: number }
  | { readonly kind: 'start' | 'jump' | 'turn' };

const moveArbitrary: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      entity: fc.nat({ max: 4 }),
      account: fc.constantFrom('a', 'b', null),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('switch' as const), which: fc.nat({ max: 1 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('hear', 'hear', 'stop', 'release', 'expire' as const),
      which: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('start', 'jump', 'turn', 'turn' as const) }),
  },
);

const faultArbitrary: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('crash' as const, 'fail' as const),
    when: fc.constantFrom('before' as const, 'partly' as const, 'after' as const),
  }),
  fc.constant<Fault>({ kind: 'hold' }),
);

const historyArbitrary = fc.record({
  moves: fc.array(moveArbitrary, { minLength: 8, maxLength: 50 }),
  faults: fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), faultArbitrary), { maxLength: 6 }),
});

type RandomHistory = typeof historyArbitrary extends fc.Arbitrary<infer T> ? T : never;

test('switches at any moment lose nothing, in the generation that is live and in the other one', async () => {
  let followed = 0;
  await fc.assert(
    fc.asyncProperty(historyArbitrary, async (history) => {
      const played = await play(history);
      followed += played.followed;
      expect(played.world.violations).toEqual([]);
      for (const { found, due } of played.ends) expect(found).toEqual(due);
    }),
    { numRuns: 200 },
  );
  // The test could not fail if no worker ever followed one.
  expect(followed).toBeGreaterThan(20);
}, 60_000);

/** A worker hosts what it has last heard of. */
class Listener implements Hosting {
  instance: Instance | null = null;
  #hosted: readonly Hosted[];
  #changed: () => void = () => undefined;

  constructor(hosted: readonly Hosted[]) {
    this.#hosted = hosted;
  }

  readonly current = () => this.#hosted;

  readonly follow = (changed: () => void) => {
    this.#changed = changed;
    return Promise.resolve();
  };

  get isAlive(): boolean {
    return this.instance !== null && !this.instance.dead && !this.instance.ended;
  }

  /** True when it was news. */
  hear(hosted: readonly Hosted[]): boolean {
    if (hosted === this.#hosted) return false;
    this.#hosted = hosted;
    this.#changed();
    return true;
  }
}

async function play({ moves, faults }: RandomHistory) {
  const world = await new World({ projections, partitions }).open();
  await world.store.ensure(projections.map((projection) => ({ ...projection, generation: 2 })));
  let live: readonly Hosted[] = projections.map((projection) => ({ projection, generation: 1 }));
  const switchOne = (which: number) => {
    live = live.map((each, at) =>
      at === which ? { ...each, generation: 3 - each.generation } : each,
    );
  };
  let step = 0;
  let followed = 0;
  let isCalm = false;
  const plan: FaultPlan = () => {
    step += 1;
    return isCalm ? undefined : faults.find(([at]) => at === step)?.[1];
  };
  const listeners: Listener[] = [];
  const alive = () => listeners.filter((listener) => listener.isAlive);
  const start = () => {
    const listener = new Listener(live);
    listeners.push(listener);
    listener.instance = world.start(plan, {}, listener);
  };
  let appended = 0;
  const append = async (entity: number, account: string | null) => {
    appended += 1;
    const to = { account, tpe: 1, content: `${appended}`, partition: entity % partitions };
    await world.append(world.history.apply({ entity, to: appended % 7 === 0 ? null : to }));
  };
  start();
  for (const move of moves) {
    const at = 'which' in move ? alive()[move.which % Math.max(1, alive().length)] : undefined;
    if (move.kind === 'append') await append(move.entity, move.account);
    else if (move.kind === 'switch') switchOne(move.which);
    else if (move.kind === 'hear' && at?.hear(live) === true) followed += 1;
    else if (move.kind === 'stop') at?.instance?.stop();
    else if (move.kind === 'release') at?.instance?.release();
    else if (move.kind === 'expire' && at?.instance?.consumer)
      world.log.expire(at.instance.consumer);
    else if (move.kind === 'start' && alive().length < 3) start();
    else if (move.kind === 'jump') world.clock.jump();
    await turn();
    if (alive().length === 0) start();
  }
  isCalm = true;
  const ends: { found: unknown; due: unknown }[] = [];
  // What is live at the end, then each read model's other generation.
  for (const which of [null, 0, 1]) {
    if (which !== null) switchOne(which);
    await append(0, 'a');
    await settle(world, alive, live, start);
    for (const hosted of live)
      ends.push({ found: rowsOf(world, hosted), due: dueOf(world, hosted) });
  }
  return { world, followed, ends };
}

/** Everybody hears, nothing hangs, whoever was expired notices, and somebody works. */
async function settle(
  world: World,
  alive: () => readonly Listener[],
  live: readonly Hosted[],
  start: () => void,
): Promise<void> {
  if (alive().length === 0) start();
  for (let round = 0; round < 4; round += 1) {
    for (const listener of alive()) {
      listener.hear(live);
      listener.instance?.release();
      if (listener.instance?.consumer) world.log.notice(listener.instance.consumer);
    }
    await world.settle();
    if (alive().length === 0) start();
  }
  await world.settle();
}

function rowsOf(world: World, hosted: Hosted) {
  const model = readModelOf(hosted);
  return hosted.projection.kind === 'map'
    ? sortedByKey(world.store.rows(model))
    : summed(world.store.totals(model));
}

function dueOf(world: World, { projection }: Hosted) {
  return projected(projection, world.history.facts());
}
