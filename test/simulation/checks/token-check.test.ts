import { expect, test } from 'vitest';
import type { Projection } from '../../../processor/projection/projection.ts';
import { countsByAccount, everything } from '../projections.ts';
import { SmallWorld } from './small-world.ts';

/** All is read up to a watermark; then session s2 changes, and nobody has read that. */
function begun(projection: Projection) {
  const world = new SmallWorld([projection]);
  world.change('sessions', 's1', { accountUid: 'x' });
  world.change('sessions', 's2', { accountUid: 'y' });
  world.change('human_turns', 'h1', { sessionUid: 's1' });
  const { lsn } = world.heartbeat();
  world.workAll();
  const rows = world.stored(projection);
  world.change('human_turns', 'h2', { sessionUid: 's2' });
  const observe = (seen: typeof rows): readonly string[] => {
    world.violations.length = 0;
    world.token.observe({ model: projection.name, watermarkLsn: lsn, rows: () => seen });
    return world.violations.map(({ invariant, what }) => `${invariant} ${what}`);
  };
  return { world, rows, observe };
}

test('a row that no later event touches must be there as of the token', () => {
  const { world, rows, observe } = begun(everything);
  expect(observe(rows)).toEqual([]);
  // s1 and h1 are certain; s2 and h2 may be as before or as after.
  expect(world.token.counts).toMatchObject({ conclusive: 1, whole: 0, rowsCompared: 2 });
  expect(world.token.counts.rowsInFlux).toBe(2);
  const without = (uid: string) => rows.filter(({ key }) => !key.includes(uid));
  expect(observe(without('h1') as typeof rows)).toEqual([
    expect.stringMatching(/^I4 a reader of everything .* is missing/),
  ]);
  expect(observe(without('s2') as typeof rows)).toEqual([]);
});

test('nor may one be there that is gone, or that was never', () => {
  const { world, rows, observe } = begun(everything);
  const extra = { ...rows[0]!, key: ['+z', 'session', 's9', 0] };
  expect(observe([...rows, extra] as typeof rows)).toEqual([
    expect.stringContaining('must not be there'),
  ]);
  expect(world.token.counts.observations).toBe(1);
});

test('totals are compared key by key, summed over shards', () => {
  const { world, rows, observe } = begun(countsByAccount);
  expect(observe(rows)).toEqual([]);
  expect(world.token.counts.rowsCompared).toBeGreaterThan(0);
  const doubled = rows.map((row) =>
    'totals' in row && row.key[0] === '+x' ? { ...row, totals: row.totals.map((x) => x * 2) } : row,
  );
  expect(observe(doubled as typeof rows)[0]).toContain('facts is 2, must be 1');
});

test('with nothing after the token the whole read model is certain', () => {
  const { world } = begun(everything);
  const { lsn } = world.heartbeat();
  world.workAll();
  const rows = world.stored(everything);
  world.token.observe({ model: 'everything', watermarkLsn: lsn, rows: () => rows });
  expect(world.violations).toEqual([]);
  expect(world.token.counts.whole).toBe(1);
});

test('a watermark that is delivered again promises its LSN, though more is there already', () => {
  const world = new SmallWorld([everything]);
  world.change('sessions', 's1', { accountUid: 'x' });
  const first = world.heartbeat();
  world.change('sessions', 's1', { accountUid: 'y' });
  world.change('sessions', 's2', { accountUid: 'x' });
  const again = world.heartbeat();
  // Its position's promise is what was delivered, its LSN's is what was committed then.
  const lsn = (again.lsn - 1) as typeof again.lsn;
  world.promised.set(lsn, world.promised.get(first.lsn)!);
  world.workAll();
  for (const partition of [0, 1]) {
    const standing = world.events.watermarks(partition) as (typeof again)[];
    standing[standing.length - 1] = { ...again, lsn };
  }
  const rows = world.stored(everything);
  world.token.observe({ model: 'everything', watermarkLsn: lsn, rows: () => rows });
  expect(world.violations).toEqual([]);
  expect(world.token.counts).toMatchObject({ rowsCompared: 0, rowsInFlux: 3 });
});
