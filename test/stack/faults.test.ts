/**
 * What must hold when processes and servers die or hang under load, in short: kill -9 of each part
 * once, and one stopped process of each kind that goes on later. test/chaos has the long forms.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { chanceOf, chaosSeed } from './support/faults.ts';
import { Kills } from './support/kills.ts';
import { Spine } from './support/spine.ts';
import { outlive } from './support/zombie.ts';

const seed = chaosSeed('faults');
const spine = new Spine();
let kills: Kills;

beforeAll(async () => {
  await spine.prepare(createTables);
  kills = new Kills(spine, chanceOf(seed, 1));
  await spine.caughtUp();
});

afterAll(async () => {
  await kills.end();
  await spine.drop();
});

test('every part is killed under load, one while others recover: nothing is lost, nothing is counted twice', async () => {
  const load = kills.load(seed);
  await kills.overlapping(load);
  expect(load.brokenOff).toBeGreaterThan(0);
  expect(await spine.judged()).toBeNull();
  console.log(kills.report());
  expect(kills.deaths).toEqual([]);
}, 300_000);

test.each(['worker', 'sequencer'] as const)(
  'a %s that was stopped with writes in hand changes no final row when it goes on',
  async (role) => {
    expect(await kills.stop(role)).toBe(0);
    try {
      const found = await outlive(spine, role, 'writes');
      console.log(found);
      expect(found.late).toBeGreaterThan(0);
      expect(found.judged).toEqual([null, null, null]);
    } finally {
      kills.start(role);
    }
  },
  120_000,
);
