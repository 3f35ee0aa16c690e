/** kill -9 of every part, ten times each (KILLS=), under load; the table of times to recover. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTables } from '../../generator/generate.ts';
import { chanceOf, chaosSeed, killsOfEach } from '../stack/support/faults.ts';
import { Kills } from '../stack/support/kills.ts';
import { Spine } from '../stack/support/spine.ts';

const seed = chaosSeed('kills');
const rounds = Array.from({ length: killsOfEach(10) }, (_, at) => at + 1);
const spine = new Spine();
let kills: Kills;

beforeAll(async () => {
  await spine.prepare(createTables);
  kills = new Kills(spine, chanceOf(seed, 1));
  await spine.caughtUp();
});

afterAll(async () => {
  console.log(kills.report());
  await kills.end();
  await spine.drop();
});

async function checkedEvents(): Promise<string> {
  const run = spine.startWith({}, 'events', '--check', '--json');
  run.supervised = true;
  await run.exited;
  return `${run.stdout}\n${run.log()}`;
}

/** The next one dies while the ones before it still recover. */
test.each(rounds)(
  'round %i: each part is killed under load, nothing is lost, nothing is counted twice',
  async (round) => {
    const load = kills.load(seed + round * 1000);
    await kills.overlapping(load);
    expect(load.changes).toBeGreaterThan(0);
    const difference = await spine.judged();
    // Says whether the events are wrong already, or only what was made of them.
    if (difference !== null) console.log(await checkedEvents());
    expect(difference).toBeNull();
    expect(kills.deaths).toEqual([]);
    console.log(`round ${round}: ${load.changes} row changes, judged\n${kills.report()}`);
  },
);

test('each part once more, alone: how long each takes to recover', async () => {
  kills.recoveries.length = 0;
  const load = kills.load(seed + 1);
  await kills.oneByOne(load);
  expect(await load.stop()).toBeGreaterThan(0);
  expect(await spine.judged()).toBeNull();
  expect(kills.deaths).toEqual([]);
  expect(kills.recoveries).toHaveLength(6);
});
