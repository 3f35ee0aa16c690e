/**
 * Repairs of totals while a worker holds the wrong ones in memory: they last, whatever comes in between, and no
 * contribution is lost by one that does not. verify.law.test.ts has what is found, and rows of maps.
 */
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { MemoryWorld, seeded, type Write } from './memory-world-fixture.ts';
import { differencesOf, type Verification, verdictOf } from './verify.ts';

const noon = Date.parse('2026-03-01T12:00:00Z');
const seeds = Array.from({ length: 12 }, (_, at) => at + 1);

/** Answers of two steps, in a few sessions and buckets, so that few keys of totals change all the while. */
function answers(random: () => number): () => readonly Write[] {
  let made = 0;
  return () => {
    made += 1;
    const uid = `t${made}`;
    const sessionUid = `s${Math.floor(random() * 4)}`;
    const turn = { uid, sessionUid, parentUid: null, activeChild: null, prompt: null };
    const step = (idx: number): Write => {
      const key = { agentTurnUid: uid, idx };
      const createdAt = noon + Math.floor(random() * 4) * 1000;
      return { table: 'steps', key, row: { ...key, tpe: 1, content: null, createdAt } };
    };
    const createdAt = noon;
    return [{ table: 'agent_turns', key: uid, row: { ...turn, createdAt } }, step(0), step(1)];
  };
}

/** Totals are off by one in the database, and the worker has started again since: what it loads is wrong. */
async function poisoned(seed: number) {
  const random = seeded(seed);
  const world = await new MemoryWorld(projections, random).open();
  const next = answers(random);
  const commit = (count: number) => {
    for (let made = 0; made < count; made += 1) world.commit(...next());
  };
  commit(20);
  await world.settle();
  const target = world.targets.find(({ projection }) => projection.kind === 'aggregate');
  if (target === undefined) throw new Error('no aggregate');
  const standing = world.reader.standing(target.model);
  for (const { key, shard, values, position, writtenAt } of standing) {
    const wrong = values.map((total, column) => Number(total) + (column === 0 ? 1 : 0));
    world.store.put(target.model, [...key, shard], [...wrong, position], Number(writtenAt) + 1);
  }
  world.worker.restart();
  // Some of them are written back by it, wrong as they are.
  commit(6);
  await world.settle();
  /** While it is verified, and for a time afterwards. */
  const goesOn = () => {
    const writes: Write[] = [];
    world.writes = () => {
      if (writes.length === 0) writes.push(...next());
      return writes.shift() as Write;
    };
  };
  return { world, target, commit, goesOn, wrong: standing.length };
}

const found = ({ findings }: Verification) =>
  findings.reduce((sum, each) => sum + differencesOf(each), 0);
const mendsOf = ({ findings }: Verification) => findings.flatMap(({ mends }) => mends);

test('a repair of totals lasts, though a running worker had the wrong ones in memory', async () => {
  for (const seed of seeds) {
    const { world, target, commit, goesOn } = await poisoned(seed);
    goesOn();
    const verification = await world.verify({ targets: [target], repair: true });
    expect(found(verification)).toBeGreaterThan(0);
    const kinds = new Set(mendsOf(verification).map(({ kind }) => kind));
    expect({ seed, kinds }).toEqual({ seed, kinds: new Set(['repaired']) });
    world.writes = null;
    await world.settle();
    // Every key is written once more by the worker.
    commit(30);
    await world.settle();
    const verdict = verdictOf(await world.verify({ targets: [target] }));
    expect({ seed, verdict }).toEqual({ seed, verdict: 'equal' });
    expect(await world.holds.held([target.projection.name])).toEqual(new Map());
  }
});

test('beside a worker that does not stand still nothing is written, and nothing is lost', async () => {
  for (const seed of seeds.slice(0, 4)) {
    const { world, target, commit, goesOn } = await poisoned(seed);
    world.worker.looks = false;
    goesOn();
    const verification = await world.verify({ targets: [target], repair: true });
    const mends = mendsOf(verification);
    expect(mends.length).toBeGreaterThan(0);
    for (const mend of mends) expect(mend).toMatchObject({ kind: 'left' });
    world.writes = null;
    commit(20);
    await world.settle();
    const after = await world.verify({ targets: [target] });
    // As wrong as before, by the one that was planted.
    for (const { differences } of after.findings) {
      for (const { expected, standing } of differences) {
        const [wanted, ...sums] = expected ?? [];
        expect(standing?.values).toEqual([Number(wanted) + 1, ...sums]);
      }
    }
    expect(found(after)).toBeGreaterThan(0);
  }
});

test('a worker that begins to look too late, in the middle of it, loses nothing either', async () => {
  for (const seed of seeds) {
    const { world, target, commit, goesOn } = await poisoned(seed);
    goesOn();
    world.worker.looks = seed % 2 === 0;
    // The other way round with every snapshot.
    world.afterSnapshot = async () => {
      world.worker.looks = !world.worker.looks;
    };
    await world.verify({ targets: [target], repair: true });
    world.writes = null;
    world.worker.looks = true;
    commit(30);
    await world.settle();
    const again = await world.verify({ targets: [target], repair: true });
    await world.settle();
    commit(10);
    await world.settle();
    expect(mendsOf(again).every(({ kind }) => kind === 'repaired')).toBe(true);
    const verdict = verdictOf(await world.verify({ targets: [target] }));
    expect({ seed, verdict }).toEqual({ seed, verdict: 'equal' });
  }
});

test('while another process repairs, its totals are left to that one', async () => {
  const { world, target } = await poisoned(1);
  const { name } = target.projection;
  // It would stand still with the other's hold, and nothing could be compared before that is over.
  world.worker.looks = false;
  await world.holds.hold(name, { owner: 'other', untilMs: 9e15 });
  const verification = await world.verify({ targets: [target], repair: true });
  expect(mendsOf(verification)[0]).toMatchObject({
    kind: 'left',
    reason: expect.stringContaining('another process'),
  });
  expect((await world.holds.held([name])).get(name)?.owner).toBe('other');
});

test('where dead letters wait totals are left: a retry would add to what was repaired', async () => {
  const { world, target } = await poisoned(1);
  const { load } = world.store;
  world.store.load = async (model) => {
    const found = await load.call(world.store, model);
    const first = found.get(0);
    return first === undefined ? found : new Map(found).set(0, { ...first, deadLetters: 2 });
  };
  const { findings } = await world.verify({ targets: [target], repair: true });
  const outcomes = new Map([
    [0, new Set<string>()],
    [1, new Set<string>()],
  ]);
  for (const { differences, mends } of findings) {
    for (const [at, { shard }] of differences.entries()) {
      const mend = mends[at];
      outcomes.get(shard ?? -1)?.add(mend?.kind === 'left' ? mend.reason : `${mend?.kind}`);
    }
  }
  expect([...(outcomes.get(0) ?? [])].join()).toMatch(
    /^2 events of its partition wait as dead letters/,
  );
  expect(outcomes.get(1)).toEqual(new Set(['repaired']));
});
