/** Members come and go under load, ten of each kind of change (KILLS=), stopped ones go on later. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { BackgroundLoad } from '../stack/support/background-load.ts';
import { churns, Group } from '../stack/support/churn.ts';
import { chanceOf, chaosSeed, killsOfEach } from '../stack/support/faults.ts';
import { Spine } from '../stack/support/spine.ts';
import { type Outlived, outlive } from '../stack/support/zombie.ts';

const seed = chaosSeed('groups');
const times = killsOfEach(10);
const spine = new Spine();

/** Nobody else is in its group: before the churn. */
async function eventsOutlived(): Promise<Outlived> {
  const worker = spine.start('run', '--all');
  const found = await outlive(spine, 'sequencer', 'events');
  expect(await worker.stop()).toBe(0);
  return found;
}

beforeAll(() => spine.prepare(createTables));
afterAll(() => spine.drop());

test('a sequencer that was stopped with events on their way to the log changes no final row when they come', async () => {
  const found = await eventsOutlived();
  console.log(found);
  expect(found.late).toBeGreaterThan(0);
  expect(found.judged).toEqual([null, null, null]);
});

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
