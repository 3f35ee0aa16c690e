import { expect, test } from 'vitest';
import type { Checkpoint } from '../../../processor/engine/store.ts';
import type { Lsn } from '../../../processor/source/lsn.ts';
import { countsByAccount, everything, fragile, poison } from '../projections.ts';
import { SmallWorld } from './small-world.ts';

const step = { agentTurnUid: 'a1', idx: 0 };

function begun(): SmallWorld {
  const world = new SmallWorld([everything, countsByAccount, fragile]);
  world.change('sessions', 's1', { accountUid: 'x' });
  world.change('agent_turns', 'a1', {});
  world.change('steps', step, { content: 'one' });
  world.heartbeat();
  world.workAll();
  expect(world.violations).toEqual([]);
  return world;
}

const home = (world: SmallWorld) => world.events.partitionOf('s1');

function told(world: SmallWorld): readonly (readonly [string, string])[] {
  return world.violations.map(({ invariant, what }) => [invariant, what] as const);
}

test.each([everything, countsByAccount])(
  'a checkpoint of $name needs every row before it, in its newest state (I1)',
  (projection) => {
    const world = begun();
    world.change('steps', step, { content: 'three' });
    const { writes, checkpoint } = world.plan(projection, home(world));
    world.checkpoints.saved(projection.name, home(world), checkpoint);
    expect(told(world).length).toBeGreaterThan(0);
    expect(told(world)[0]).toEqual(['I1', expect.stringMatching(/is durable as of \d+ only/)]);
    expect(writes.length).toBeGreaterThan(0);
  },
);

test('a row that was never written is missed', () => {
  const world = begun();
  world.change('human_turns', 'h1', {});
  const { writes, checkpoint } = world.plan(everything, home(world));
  for (const write of writes.filter(({ key }) => key[1] !== 'humanTurn')) {
    world.write(everything, write);
  }
  world.checkpoints.saved('everything_v1_g1', home(world), checkpoint);
  expect(told(world)).toEqual([['I1', expect.stringContaining('"h1", 0] of HumanTurnAsked')]]);
  expect(told(world)[0]?.[1]).toContain('was never written');
});

test('a row in a newer state is durable enough, and an older checkpoint may come late', () => {
  const world = begun();
  const before = world.plan(everything, home(world)).checkpoint;
  world.change('steps', step, { content: 'three' });
  const first = world.plan(everything, home(world));
  world.change('steps', step, { content: 'five' });
  const second = world.plan(everything, home(world));
  for (const write of second.writes) world.write(everything, write);
  world.checkpoints.saved('everything', home(world), first.checkpoint);
  world.checkpoints.saved('everything', home(world), second.checkpoint);
  world.checkpoints.saved('everything', home(world), before);
  expect(world.violations).toEqual([]);
});

test('what is exposed is held to the same', () => {
  const world = begun();
  world.change('steps', step, { content: 'three' });
  const { checkpoint } = world.plan(everything, home(world));
  world.checkpoints.exposed('everything', home(world), checkpoint);
  expect(told(world)[0]).toEqual(['I1', expect.stringMatching(/^what is exposed of everything/)]);
});

test('its watermark stands at or before it (I4)', () => {
  const world = begun();
  const { checkpoint } = world.plan(everything, home(world));
  const save = (changes: Partial<Checkpoint>) => {
    world.violations.length = 0;
    world.checkpoints.saved('everything', home(world), { ...checkpoint, ...changes });
    return told(world);
  };
  const watermark = { lsn: 77 as Lsn, committedAt: 0 };
  expect(save({ watermark })).toEqual([['I4', expect.stringContaining('0/4D does not stand')]]);
  const later = world.heartbeat();
  expect(save({ watermark: { lsn: later.lsn, committedAt: 0 } })[0]?.[0]).toBe('I4');
  expect(save({})).toEqual([]);
});

test('its offset and its position say the same (I1)', () => {
  const world = begun();
  const { checkpoint } = world.plan(everything, home(world));
  world.change('steps', step, { content: 'three' });
  const skipping = { ...checkpoint, offset: checkpoint.offset + 1 };
  world.checkpoints.saved('everything', home(world), skipping);
  expect(told(world)).toEqual([['I1', expect.stringContaining('below its offset')]]);
});

test('each event that the projection threw on is a dead letter, and counted (I7)', () => {
  const world = begun();
  world.change('steps', step, { content: poison });
  const { letters, checkpoint } = world.plan(fragile, home(world));
  expect(letters).toHaveLength(1);
  world.checkpoints.saved('fragile', home(world), checkpoint);
  expect(told(world)).toEqual([['I7', expect.stringContaining('no dead letter of StepRevised')]]);

  const good = begun();
  good.change('steps', step, { content: poison });
  good.workAll();
  good.checkpoints.atRest();
  expect(good.violations).toEqual([]);
  const uncounted = { ...good.plan(fragile, home(good)).checkpoint, deadLetters: 0 };
  good.checkpoints.saved('fragile', home(good), uncounted);
  expect(told(good)).toEqual([['I7', expect.stringContaining('counts 0 dead letters')]]);
});

test('at rest everything is durable', () => {
  const world = begun();
  world.change('steps', step, { content: 'three' });
  world.workOn(everything, home(world));
  world.checkpoints.atRest();
  const names = told(world).map(([, what]) => what.split(',')[0]);
  expect(new Set(names)).toEqual(new Set(['the end of counts_by_account', 'the end of fragile']));
});
