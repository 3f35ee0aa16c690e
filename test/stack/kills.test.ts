/** kill -9 of each part once, the next while the ones before recover; test/chaos has the long form. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { BackgroundLoad } from './background-load.ts';
import { chanceOf, chaosSeed } from './faults.ts';
import { Kills } from './kills.ts';
import { Spine } from './spine.ts';

const seed = chaosSeed('kills');
const spine = new Spine();
let kills: Kills;

beforeAll(async () => {
  await spine.prepare(createTables);
  kills = new Kills(spine, chanceOf(seed, 1));
  await spine.caughtUp();
});

afterAll(() => spine.drop());

test('every part is killed under load, one while others recover: nothing is lost, nothing is counted twice', async () => {
  const load = new BackgroundLoad(spine.pool, {
    seed,
    endAtMs: Date.parse('2026-03-05T12:00:00Z'),
    rowsPerSecondMax: 200,
    outlivesPostgres: true,
  });
  await kills.round(load, true);
  expect(await load.stop()).toBeGreaterThan(0);
  expect(load.brokenOff).toBeGreaterThan(0);
  expect(await spine.judged()).toBeNull();
  console.log(kills.report());
  expect(kills.deaths).toEqual([]);
}, 300_000);
