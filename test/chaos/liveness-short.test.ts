/**
 * What is away, slow or silent for a while is waited for, and nothing ends or goes wrong by it. The
 * long form, and more of it, is test/chaos/liveness.test.ts.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { BackPressure } from '../stack/support/back-pressure.ts';
import { Liveness } from '../stack/support/liveness.ts';

let one: Liveness;
const soon = { timeout: 60_000, interval: 100 };

beforeAll(async () => {
  one = await Liveness.open();
});

afterAll(() => one.close());

test('topics that are not there yet are waited for, and then it begins by itself', async () => {
  await one.wait(/topic .* does not exist yet/);
  await one.spine.command('connect');
  await one.stream(5);
  expect(await one.judged()).toMatchObject({ difference: null });
  expect(await one.health('worker', 'ready')).toEqual({ status: 200, reasons: [] });
  expect(one.kafka.accepted).toBeGreaterThan(5);
  expect(one.cql.worker.accepted).toBeGreaterThan(0);
});

test('batches that take longer than the session timeout cost no one its place in the group', async () => {
  const before = await one.rebalances();
  one.slow(2_600);
  const load = one.stream(5);
  await vi.waitFor(async () => {
    expect(await one.batchesAbove('sequencer', 2.5)).toBeGreaterThan(0);
    expect(await one.batchesAbove('worker', 2.5)).toBeGreaterThan(0);
  }, soon);
  one.slow(0);
  await load;
  expect(await one.judged()).toMatchObject({ difference: null });
  expect(await one.rebalances()).toEqual(before);
});

test('while CQL stands still memory stays within its limits and staleness is true; then it catches up', async () => {
  const pressure = await BackPressure.open(one);
  const run = await pressure.run({
    warmMs: 2_000,
    heldMs: 4_000,
    stoppedMs: 4_000,
    rowsPerSecondMax: 300,
    pouredBytesPerSecond: 1.5 * 1024 * 1024,
  });
  console.log(pressure.table(20));
  console.log(JSON.stringify({ ...run, ...pressure.memory() }));
  expect(pressure.untruths({ toleranceMs: 3_000, reportMsMax: 3_000 })).toEqual([]);
  expect(pressure.overLimits(96)).toEqual([]);
  expect(await one.spine.judged()).toBeNull();
}, 120_000);

test('a broker that is away is waited for, in few words', async () => {
  const lines = await one.linesOf(async () => {
    await one.withoutBroker(0, async () => {
      const load = one.stream(5);
      await one.wait(/consumer|broker/);
      await load;
    });
  });
  const { seconds, difference } = await one.judged();
  console.log(`broker away: ${JSON.stringify(lines)} lines, caught up after ${seconds} s`);
  expect(difference).toBeNull();
  expect(Math.max(lines.sequencer, lines.worker)).toBeLessThan(60);
});
