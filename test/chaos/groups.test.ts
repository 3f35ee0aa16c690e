/** Members come and go under load, ten of each kind of change (KILLS=), stopped ones go on later. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { BackgroundLoad } from '../stack/background-load.ts';
import { churns, Group } from '../stack/churn.ts';
import { chanceOf, chaosSeed, killsOfEach } from '../stack/faults.ts';
import { Spine } from '../stack/spine.ts';

const seed = chaosSeed('groups');
const times = killsOfEach(10);
const spine = new Spine();

beforeAll(() => spine.prepare(createTables));
afterAll(() => spine.drop());

test('workers and sequencers join, leave, are killed, stop and go on: nothing is lost, nothing is counted twice', async () => {
  const load = new BackgroundLoad(spine.pool, {
    seed,
    endAtMs: Date.parse('2026-03-05T12:00:00Z'),
    rowsPerSecondMax: 300,
  });
  const group = new Group(spine, chanceOf(seed, 2), load);
  await group.churn(times);
  expect(await load.stop()).toBeGreaterThan(0);
  expect(await spine.judged()).toBeNull();
  expect(group.done).toEqual(Object.fromEntries(churns.map((churn) => [churn, times])));
});
