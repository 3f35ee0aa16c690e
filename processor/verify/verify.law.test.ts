/**
 * The laws of verification, on random histories that go on while it looks: never a false alarm, and no
 * planted fault that it does not find, name and, when asked to, repair.
 */
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import type { Cell } from '../projection/columns.ts';
import { MemoryWorld, type Random, seeded, type Write } from './memory-world-fixture.ts';
import type { StandingRow, Target } from './ports.ts';
import { differencesOf, verdictOf } from './verify.ts';

const runs = Number(process.env['TURNSTREAM_LAW_RUNS'] ?? 20);
const firstSeed = Number(process.env['TURNSTREAM_LAW_SEED'] ?? 1);
const noon = Date.parse('2026-03-01T12:00:00Z');

/** What happens to the source: few rows, so that they are written again and again. */
function writesOf(random: Random): () => Write {
  const one = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const at = () => one(null, noon, noon + 1.5, noon + 3_600_000, noon + 86_400_000);
  const session = () => one('s1', 's2', 's3', 's4', 's5');
  const turn = () => one('t1', 't2', 't3', 't4', 't5', 't6');
  const text = () => one(null, '', 'some words', '{"text":"👋"}');
  return () => {
    const table = one(
      'sessions',
      'human_turns',
      'agent_turns',
      'agent_turns',
      'steps',
      'steps',
      'steps',
    );
    const gone = random() < 0.2;
    if (table === 'sessions') {
      const uid = session();
      return {
        table,
        key: uid,
        row: gone ? null : { uid, accountUid: one(null, 'a', 'b'), title: text() },
      };
    }
    if (table === 'steps') {
      const key = { agentTurnUid: turn(), idx: one(0, 1, 2) };
      const row = { ...key, tpe: one(0, 1, 11, 99, null), content: text(), createdAt: at() };
      return { table, key, row: gone ? null : row };
    }
    const uid = turn();
    const row = {
      uid,
      sessionUid: one(null, session(), session(), session()),
      parentUid: one(null, turn()),
      activeChild: null,
      prompt: table === 'human_turns' ? text() : null,
      createdAt: at(),
    };
    return { table, key: uid, row: gone ? null : row };
  };
}

async function worldOf(seed: number, writes: number) {
  const random = seeded(seed);
  const world = await new MemoryWorld(projections, random).open();
  const next = writesOf(random);
  for (let count = 0; count < writes; count += 1) world.commit(next());
  return { world, next, random };
}

test('on a source that changes all the while it never gives a false alarm', async () => {
  let changing = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const { world, next } = await worldOf(seed, 60);
    world.writes = next;
    const verification = await world.verify();
    const verdict = verdictOf(verification);
    expect({
      seed,
      found: verification.findings.flatMap(({ differences }) => differences),
    }).toEqual({
      seed,
      found: [],
    });
    expect(['equal', 'unknown']).toContain(verdict);
    if (verification.rounds > 1) changing += 1;
  }
  // Rows were in flux, or the law says little.
  expect(changing).toBeGreaterThan(runs / 2);
});

test('once nothing changes any more, all that was in flux is settled', async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const { world, next } = await worldOf(seed, 60);
    let left = 40;
    world.writes = () => {
      left -= 1;
      if (left === 0) world.writes = null;
      return next();
    };
    const verification = await world.verify();
    expect({ seed, verdict: verdictOf(verification) }).toEqual({ seed, verdict: 'equal' });
  }
});

test('totals need no second look: what was added since the snapshot is known', async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const { world, next } = await worldOf(seed, 60);
    world.writes = next;
    const targets = world.targets.filter(({ projection }) => projection.kind === 'aggregate');
    const verification = await world.verify({ targets });
    const { rounds } = verification;
    expect({ seed, rounds, verdict: verdictOf(verification) }).toEqual({
      seed,
      rounds: 1,
      verdict: 'equal',
    });
  }
});

test('a transaction that was open at the snapshot is not in it, whatever the LSNs of its rows', async () => {
  const { world } = await worldOf(firstSeed, 0);
  const row = { agentTurnUid: 't1', idx: 0, tpe: 1, content: 'first', createdAt: noon };
  const key = { agentTurnUid: 't1', idx: 0 };
  const turn = { uid: 't1', sessionUid: 's1', parentUid: null, activeChild: null, prompt: null };
  world.commit({ table: 'agent_turns', key: 't1', row: { ...turn, createdAt: noon } });
  world.commit({ table: 'steps', key, row });
  await world.settle();
  let snapshots = 0;
  let end = world.begin({ table: 'steps', key, row: { ...row, content: 'changed 0' } });
  world.afterSnapshot = async () => {
    snapshots += 1;
    // The worker has it before the read model is looked at; and again for the next three.
    end();
    await world.settle();
    if (snapshots < 4) {
      const content = `changed ${snapshots}`;
      end = world.begin({ table: 'steps', key, row: { ...row, content } });
    } else end = () => undefined;
  };
  const verification = await world.verify();
  expect(verdictOf(verification)).toBe('equal');
  expect(snapshots).toBe(5);
});

test('a row that changes its session between two looks is expected of the new one', async () => {
  const { world } = await worldOf(firstSeed, 0);
  const turn = { uid: 't1', parentUid: null, activeChild: null, prompt: 'one', createdAt: noon };
  const write = (sessionUid: string, prompt: string): Write => {
    return { table: 'human_turns', key: 't1', row: { ...turn, sessionUid, prompt } };
  };
  for (const uid of ['s1', 's2']) {
    world.commit({ table: 'sessions', key: uid, row: { uid, accountUid: 'a', title: null } });
  }
  world.commit(write('s1', 'one'));
  await world.settle();
  let made = 0;
  world.afterSnapshot = async () => {
    made += 1;
    if (made > 1) return;
    world.commit(write('s1', 'two'));
    await world.settle();
  };
  world.beforeSnapshot = async (number) => {
    if (number !== 2) return;
    world.commit(write('s2', 'two'));
    await world.settle();
  };
  expect(verdictOf(await world.verify())).toBe('equal');
  expect(made).toBe(2);
});

test('beside a planted fault, whatever changes in the same bucket is no false alarm', async () => {
  let rounds = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const { world, next } = await worldOf(seed, 60);
    const target = world.targets.find(({ projection }) => projection.name === 'turns_by_account');
    if (target === undefined) throw new Error('no target');
    const key = ['nobody', 202603, noon, 'human', 'nobody'];
    world.store.put(target.model, key, ['s1', null, null, null, null], byHand);
    world.writes = next;
    const found = await world.verify({ targets: [target], settings: { bucketBits: 1 } });
    rounds += found.rounds;
    const differences = found.findings.flatMap((each) => each.differences);
    expect({ seed, differences }).toMatchObject({ seed, differences: [{ kind: 'extra', key }] });
  }
  // Some were still in flux after the second one.
  expect(rounds).toBeGreaterThan(runs * 2);
});

test('totals that go on while they are repaired are repaired as of then', async () => {
  const { world } = await worldOf(firstSeed, 0);
  const answer = (uid: string): readonly Write[] => [
    {
      table: 'agent_turns',
      key: uid,
      row: {
        uid,
        sessionUid: 's1',
        parentUid: null,
        activeChild: null,
        prompt: null,
        createdAt: noon,
      },
    },
    ...[0, 1].map((idx): Write => {
      const key = { agentTurnUid: uid, idx };
      return { table: 'steps', key, row: { ...key, tpe: 1, content: null, createdAt: noon + idx } };
    }),
  ];
  world.commit(...answer('t1'));
  await world.settle();
  const target = world.targets.find(({ projection }) => projection.kind === 'aggregate');
  const [row] = target === undefined ? [] : world.reader.standing(target.model);
  if (target === undefined || row === undefined) throw new Error('no totals');
  put(world, target, row, Number(row.writtenAt) + 1, [7, 0]);
  world.worker.restart();
  let snapshots = 0;
  world.afterSnapshot = async () => {
    snapshots += 1;
    if (snapshots !== 2) return;
    world.commit(...answer('t2'));
    await world.settle();
  };
  const found = await world.verify({ repair: true, targets: [target] });
  expect(verdictOf(found)).toBe('differences');
  expect(world.reader.standing(target.model).map(({ values }) => values)).toEqual([[2, 2000]]);
  expect(verdictOf(await world.verify())).toBe('equal');
});

type Plant = (world: MemoryWorld, random: Random, at: number) => boolean;

const byHand = 1.8e15;

function pick(
  world: MemoryWorld,
  random: Random,
  kind: 'map' | 'aggregate',
): { readonly target: Target; readonly row: StandingRow } | null {
  const targets = world.targets.filter(({ projection }) => projection.kind === kind);
  const target = targets[Math.floor(random() * targets.length)] as Target;
  const rows = world.reader
    .standing(target.model)
    .filter(({ shard, values }) => shard === null || values.some((value) => value !== 0));
  const row = rows[Math.floor(random() * rows.length)];
  return row === undefined ? null : { target, row };
}

const put = (
  world: MemoryWorld,
  target: Target,
  row: StandingRow,
  at: number | null,
  values: readonly Cell[] | null,
) => {
  const when = at ?? Number(row.writtenAt ?? 0);
  if (row.shard === null) world.store.put(target.model, row.key, values, when);
  else {
    const cells = values === null ? null : [...values, row.position];
    world.store.put(target.model, [...row.key, row.shard], cells, when);
  }
};

const other = (cell: Cell, text: string): Cell =>
  typeof cell === 'string' ? `${cell}${text}` : cell;

const faults: readonly (readonly [string, Plant])[] = [
  [
    'a row that was deleted',
    (world, random, at) => {
      const found = pick(world, random, 'map');
      if (found === null) return false;
      put(world, found.target, found.row, at, null);
      return true;
    },
  ],
  [
    'a value that was changed',
    (world, random, at) => {
      const found = pick(world, random, 'map');
      if (found === null) return false;
      const values = found.row.values.map((cell) => other(cell, '!'));
      put(world, found.target, found.row, at + 1, values);
      return true;
    },
  ],
  [
    'a row that nobody should have',
    (world, random, at) => {
      const found = pick(world, random, 'map');
      if (found === null) return false;
      const key = found.row.key.map((cell) => other(cell, '-nobody'));
      put(world, found.target, { ...found.row, key }, at, found.row.values);
      return true;
    },
  ],
  [
    'a total that is off by one',
    (world, random, at) => {
      const found = pick(world, random, 'aggregate');
      if (found === null) return false;
      const values = found.row.values.map(
        (total, column) => Number(total) + (column === 0 ? 1 : 0),
      );
      put(world, found.target, found.row, at + 1, values);
      return true;
    },
  ],
  [
    'a whole partition that is missing',
    (world, random, at) => {
      const found = pick(world, random, 'map');
      if (found === null) return false;
      const width = found.target.model.shape.partition.length;
      for (const row of world.reader.standing(found.target.model)) {
        const isIn = row.key
          .slice(0, width)
          .every((cell, column) => cell === found.row.key[column]);
        if (isIn) put(world, found.target, row, at, null);
      }
      return true;
    },
  ],
  [
    'a row of one shard that is missing',
    (world, random, at) => {
      const found = pick(world, random, 'aggregate');
      if (found === null) return false;
      put(world, found.target, found.row, at, null);
      return true;
    },
  ],
];

test.each(faults)('%s is found, named and repaired', async (_, plant) => {
  let planted = 0;
  for (let seed = firstSeed; seed < firstSeed + runs / 3; seed += 1) {
    for (const at of [byHand, null]) {
      const { world, random } = await worldOf(seed, 50);
      await world.settle();
      // By hand with the server's time, or as if a write of the worker's own had been lost or wrong.
      if (!plant(world, random, at ?? (await lastPosition(world)))) continue;
      planted += 1;
      const found = await world.verify({ repair: true });
      expect({ seed, at, verdict: verdictOf(found) }).toEqual({ seed, at, verdict: 'differences' });
      const mends = found.findings.flatMap(({ mends }) => mends.map(({ kind }) => kind));
      expect(mends.length).toBe(found.findings.reduce((sum, each) => sum + differencesOf(each), 0));
      for (const kind of mends)
        expect({ seed, at, kind }).toEqual({ seed, at, kind: at === null ? 'repaired' : 'pinned' });
      expect({ seed, at, verdict: verdictOf(await world.verify()) }).toEqual({
        seed,
        at,
        verdict: 'equal',
      });
    }
  }
  expect(planted).toBeGreaterThan(runs / 6);
});

/** The highest timestamp of any row: at or below all that come. */
async function lastPosition(world: MemoryWorld): Promise<number> {
  const all = world.targets.flatMap(({ model }) => world.reader.standing(model));
  return Math.max(0, ...all.map(({ writtenAt }) => Number(writtenAt ?? 0)));
}

test('after a repair at the snapshot’s position the next changes of the row show', async () => {
  for (let seed = firstSeed; seed < firstSeed + runs / 3; seed += 1) {
    const { world, next, random } = await worldOf(seed, 50);
    await world.settle();
    for (const [, plant] of faults) plant(world, random, await lastPosition(world));
    await world.verify({ repair: true });
    for (let count = 0; count < 60; count += 1) world.commit(next());
    await world.settle();
    const verification = await world.verify();
    expect({ seed, verdict: verdictOf(verification) }).toEqual({ seed, verdict: 'equal' });
  }
});
