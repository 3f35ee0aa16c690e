/** Replays that are killed around their promotion: which generation the next one goes on with, and which it leaves. */
import { expect, test } from 'vitest';
import {
  append,
  expectRight,
  filled,
  liveGeneration,
  ops,
} from '../../test/worker/filled-replay-world.ts';

test('killed between its verification and its promotion: the next one brings that generation up to date and promotes it', async () => {
  const isLive = (all: readonly { promotedAtMs: number | null }[]) =>
    all.length === 2 && all[1]?.promotedAtMs !== null;
  const whole = await filled(24);
  const run = whole.start();
  await whole.ended(run);
  let verified = 0;
  for (let step = 1; step <= run.process.steps; step += 1) {
    for (const when of ['before', 'after'] as const) {
      const world = await filled(24);
      const seen: string[] = [];
      world.verify = async ({ projection }) => {
        seen.push(projection);
        return { equal: true, summary: '' };
      };
      await world.ended(world.start({}, {}, { step, when }));
      const left = new Map<string, boolean>();
      for (const { name } of world.projections) {
        left.set(name, isLive(await world.generations.list(name)));
        if (seen.includes(name) && left.get(name) === false) verified += 1;
      }
      const wasSeen = [...seen];
      await append(world, ops(6, 3));
      const results = await world.ended(world.start());
      for (const { projection, generation, outcome, resumed } of results) {
        // What was promoted already is replayed anew; anything else is gone on with.
        const expected = left.get(projection) === true ? 3 : 2;
        const found = { step, when, projection, outcome, generation: generation.generation };
        expect(found).toEqual({ ...found, outcome: 'promoted', generation: expected });
        if (wasSeen.includes(projection) && expected === 2) expect(resumed).toBe(true);
      }
      await world.world.settle();
      await expectRight(world);
    }
  }
  // Some died in between, or the test says nothing.
  expect(verified).toBeGreaterThan(4);
}, 240_000);

test('nobody takes what was left beside the live one, or is kept, or is as of the past', async () => {
  const world = await filled(24);
  await world.ended(world.start({ promote: false }));
  await world.ended(world.start({ until: { committedAtMs: 1_700_000_000_000 + 3 * 1024 } }));
  await world.ended(world.start({ keep: 9 }));
  expect(await liveGeneration(world)).toBe(4);
  const [next] = await world.ended(world.start({ keep: 9 }));
  expect(next).toMatchObject({ resumed: false, generation: { generation: 5 } });
  await expectRight(world);
});
