import { expect, test } from 'vitest';
import type { Projection } from '../../../processor/projection/projection.ts';
import { countsByAccount, everything, fragile, poison } from '../projections.ts';
import { SmallWorld } from './small-world.ts';
import type { ModelWrite } from './writes-check.ts';

type Planned = ModelWrite & { readonly text: string };

/** Two steps of one session, and what a worker would write of them in one batch. */
function planned(projection: Projection): {
  readonly world: SmallWorld;
  readonly writes: Planned[];
} {
  const world = new SmallWorld([projection]);
  world.change('sessions', 's1', { accountUid: 'x' });
  world.change('agent_turns', 'a1', {});
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: 'one' });
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: 'three' });
  const { writes } = world.plan(projection, world.events.partitionOf('s1'));
  for (const write of writes) world.writes.written(write);
  expect(world.violations).toEqual([]);
  expect(world.writes.count).toBe(writes.length);
  return { world, writes };
}

function invariantOf(world: SmallWorld, write: ModelWrite): readonly [string, string] {
  world.violations.length = 0;
  world.writes.written(write);
  const [violation] = world.violations;
  return [violation?.invariant ?? 'none', violation?.what ?? ''];
}

const stepWrite = (writes: readonly Planned[]) => writes.find(({ key }) => key.includes('step'))!;

test('a write carries a position of the log (I9)', () => {
  const { world, writes } = planned(everything);
  const write = stepWrite(writes);
  const [server, why] = invariantOf(world, { ...write, timestamp: null });
  expect([server, why]).toEqual(['I9', expect.stringContaining("the server's time")]);
  expect(invariantOf(world, { ...write, timestamp: 1_700_000_000_000_000 })[0]).toBe('I9');
  expect(invariantOf(world, { ...write, timestamp: (write.timestamp ?? 0) + 1 })[0]).toBe('I9');
  // The position of an event that does not touch the row.
  const [first] = world.events.events(world.events.partitionOf('s1'));
  expect(invariantOf(world, { ...write, timestamp: first!.position })[1]).toContain(
    'does not touch this row',
  );
});

test('a row is what the event at its position makes it', () => {
  const { world, writes } = planned(everything);
  const write = stepWrite(writes);
  const values = write.values.map((value, at) => (at === 0 ? 's2' : value));
  expect(invariantOf(world, { ...write, values })).toEqual([
    'I3',
    expect.stringContaining('session is "s2", must be "s1"'),
  ]);
  // Torn: a column is left out.
  const torn = write.values.map((value, at) => (at === 4 ? undefined : value));
  expect(invariantOf(world, { ...write, values: torn })[1]).toContain('fact is nothing');
  expect(invariantOf(world, { ...write, op: 'delete', values: [] })[1]).toContain(
    'must be a upsert',
  );
});

test('a row that a fact leaves is deleted, not written', () => {
  const { world } = planned(everything);
  world.change('sessions', 's1', { accountUid: 'y' });
  const partition = world.events.partitionOf('s1');
  const { writes } = world.plan(everything, partition);
  for (const write of writes) world.writes.written(write);
  expect(world.violations).toEqual([]);
  const former = writes.find(({ op }) => op === 'delete')!;
  expect(former.key[0]).toBe('+x');
  const values = stepWrite(writes).values;
  expect(invariantOf(world, { ...former, op: 'upsert', values })[1]).toContain('must be a delete');
});

test('totals are exact up to their position, in their shard', () => {
  const { world, writes } = planned(countsByAccount);
  const write = stepWrite(writes);
  expect(write.values).toEqual([1, 5, 1]);
  const doubled = write.values.map((value) => Number(value) * 2);
  expect(invariantOf(world, { ...write, values: doubled })).toEqual([
    'I3',
    expect.stringContaining('facts is 2, must be 1'),
  ]);
  // A forgotten retraction.
  expect(invariantOf(world, { ...write, values: [2, 8, 2] })[0]).toBe('I3');
  expect(invariantOf(world, { ...write, shard: 1 - (write.shard ?? 0) })[0]).toBe('I8');
  expect(invariantOf(world, { ...write, position: 3 })[0]).toBe('I9');
  expect(invariantOf(world, { ...write, op: 'delete' })[0]).toBe('I8');
});

test('nothing is written of an event that the projection threw on, nor to a table of nobody', () => {
  const { world, writes } = planned(fragile);
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: poison });
  const event = world.events.events(world.events.partitionOf('s1')).at(-1)!;
  const write = { ...writes[0]!, values: [poison], timestamp: event.position };
  expect(invariantOf(world, write)[1]).toContain('threw on that event');
  expect(invariantOf(world, { ...write, model: 'other_v1_g1' })[0]).toBe('I5');
});
