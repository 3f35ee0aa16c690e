/** What a verification tells of itself while it reads. */
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { MemoryWorld, seeded } from './memory-world-fixture.ts';
import type { VerifyProgress } from './ports.ts';

const createdAt = Date.parse('2026-03-01T12:00:00Z');

async function filled(): Promise<MemoryWorld> {
  const world = await new MemoryWorld(projections, seeded(7)).open();
  for (let count = 0; count < 20; count += 1) {
    const uid = `s${count}`;
    const turn = { uid: `t${count}`, sessionUid: uid, parentUid: null, activeChild: null };
    const key = { agentTurnUid: turn.uid, idx: 0 };
    world.commit(
      { table: 'sessions', key: uid, row: { uid, accountUid: 'a', title: null } },
      { table: 'agent_turns', key: turn.uid, row: { ...turn, prompt: null, createdAt } },
      { table: 'steps', key, row: { ...key, tpe: 1, content: 'x', createdAt } },
    );
  }
  await world.settle();
  return world;
}

const of = ({ told }: MemoryWorld, what: string, pass: VerifyProgress['pass']) =>
  told.filter((each) => each.what === what && each.pass === pass);

test('each read model and the source are told from their beginning to their end', async () => {
  const world = await filled();
  await world.verify();
  for (const what of [...projections.map(({ name }) => name), 'source']) {
    const shares = of(world, what, 'comparing').map(({ share }) => share ?? -1);
    expect({ what, shares }).toEqual({ what, shares: shares.toSorted((one, two) => one - two) });
    // Whole is what nothing comes after.
    expect(shares.filter((share) => share === 1)).toHaveLength(1);
    expect(shares.at(-1)).toBe(1);
  }
  const rows = of(world, 'steps_by_type_day', 'comparing').reduce(
    (sum, each) => sum + each.rows,
    0,
  );
  expect(rows).toBe(20);
  expect(of(world, 'source', 'looking closer')).toEqual([]);
});

test('the closer look at what differs is told apart, of what is looked at alone', async () => {
  const world = await filled();
  const [target] = world.targets;
  const row = target && world.reader.standing(target.model)[0];
  if (target === undefined || row === undefined) throw new Error('no row');
  world.store.put(target.model, row.key, null, Number(row.writtenAt));
  await world.verify();
  const closer = world.told.filter(({ pass }) => pass === 'looking closer');
  expect(new Set(closer.map(({ what }) => what))).toEqual(
    new Set([target.projection.name, 'source']),
  );
  expect(closer.at(-1)).toEqual({ what: 'source', pass: 'looking closer', rows: 0, share: 1 });
});

test('of a part that only reading tells the size of, no share is made up', async () => {
  const world = await filled();
  await world.verify({ part: { sample: 0.5, accountUid: null, sinceMs: null } });
  const source = of(world, 'source', 'comparing');
  expect(new Set(source.slice(0, -1).map(({ share }) => share))).toEqual(new Set([null]));
  expect(source.at(-1)?.share).toBe(1);
});
