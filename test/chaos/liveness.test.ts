/**
 * The long form of test/chaos/liveness-short.test.ts: what is away is away for two minutes, or for
 * CHAOS_AWAY_SECONDS.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackPressure } from '../stack/support/back-pressure.ts';
import { Liveness } from '../stack/support/liveness.ts';
import { pause, until } from '../support/wait.ts';

const awayMs = Number(process.env['CHAOS_AWAY_SECONDS'] ?? 120) * 1000;
/** Each part has a handful of things to say; none of them more often than every 30 s. */
const linesMax = 60;

let one: Liveness;

beforeAll(async () => {
  one = await Liveness.open();
});

afterAll(() => one.close());

test('topics that are not there for long are waited for, in few words', async () => {
  const lines = await one.linesOf(async () => {
    await one.wait(/topic .* does not exist yet/);
    await pause(awayMs);
    await one.wait(/topic .* does not exist yet/);
  });
  await one.spine.command('connect');
  await one.stream(20);
  const { seconds, difference } = await one.judged();
  console.log(`topics away: ${JSON.stringify(lines)} lines, caught up after ${seconds} s`);
  expect(difference).toBeNull();
  expect(lines.sequencer).toBeLessThan(linesMax);
  expect(lines.worker).toBeLessThan(linesMax);
});

test('a broker that is away for long is waited for, in few words', async () => {
  await one.stream(50);
  await one.judged();
  let staleSeconds = 0;
  const lines = await one.linesOf(() =>
    one.withoutBroker(awayMs, async () => {
      await one.stream(50);
      await one.wait(/broker|consumer|topic/);
      // Nothing is held, and yet the read model is reported to grow stale.
      staleSeconds = await one.metric('worker', 'turnstream_staleness_seconds', {
        projection: 'steps_by_type_day',
      });
    }),
  );
  const { seconds, difference } = await one.judged();
  console.log(
    `broker away: ${JSON.stringify(lines)} lines, caught up after ${seconds} s, stale ${staleSeconds} s`,
  );
  expect(difference).toBeNull();
  expect(staleSeconds).toBeGreaterThan(2);
  expect(lines.sequencer).toBeLessThan(linesMax);
  expect(lines.worker).toBeLessThan(linesMax);
});

test('a CQL server slower than the session timeout for long causes no rebalance', async () => {
  const before = await one.rebalances();
  one.slow(4_000);
  // A few conversations at a time, so that there is always another batch.
  const endMs = performance.now() + awayMs;
  while (performance.now() < endMs) {
    await one.stream(5);
    await pause(2_000);
  }
  const slow = [await one.batchesAbove('sequencer', 2.5), await one.batchesAbove('worker', 2.5)];
  one.slow(0);
  const { seconds, difference } = await one.judged();
  console.log(`slow CQL: ${slow} slow batches, caught up after ${seconds} s`);
  // The sequencer's take several answers each, one after the other.
  expect(Math.min(...slow)).toBeGreaterThan(2);
  expect(difference).toBeNull();
  expect(await one.rebalances()).toEqual(before);
});

test('consumers that fall silent again and again under load lose nothing', async () => {
  const before = await one.restarts('STALLED');
  for (let round = 1; round <= 5; round += 1) {
    await one.ready();
    const load = one.stream(60);
    await until(async () => {
      // One that was just opened again may not have fetched yet: it is silenced with the next look.
      one.kafka.silenceFetches();
      const now = await one.restarts('STALLED');
      return now.every((count, at) => count >= (before[at] ?? 0) + round);
    }, 500);
    await load;
  }
  const { seconds, difference } = await one.judged();
  console.log(`silent five times: caught up after ${seconds} s`);
  expect(difference).toBeNull();
});

test('connections that all fall silent are given up, and new ones made', async () => {
  const before = await one.restarts('STALLED');
  one.kafka.silence();
  await one.stream(5);
  const { seconds, difference } = await one.judged();
  console.log(`all silent: ${seconds} s, STALLED ${await one.restarts('STALLED')} after ${before}`);
  expect(difference).toBeNull();
});

test('partitions without a leader are waited for, and then it goes on by itself', async () => {
  one.kafka.leaderless = `${one.spine.name}.events`;
  // A broker that lost its part of a topic answers no fetch of it either.
  one.kafka.silence();
  await one.stream(20);
  const lines = await one.linesOf(async () => {
    await one.wait(/leader/);
    await pause(awayMs);
  });
  one.kafka.leaderless = null;
  const { seconds, difference } = await one.judged();
  console.log(`no leader: ${JSON.stringify(lines)} lines, caught up after ${seconds} s`);
  expect(difference).toBeNull();
  expect(Math.max(lines.sequencer, lines.worker)).toBeLessThan(linesMax);
});

test('CQL stands still at full input: bounded memory, true staleness, and it catches up', async () => {
  const pressure = await BackPressure.open(one);
  const run = await pressure.run({
    // Until the runtime's own memory is what full load makes of it: catching up is full load too, for minutes.
    warmMs: 60_000,
    heldMs: awayMs / 4,
    stoppedMs: awayMs,
    rowsPerSecondMax: 0,
    pouredBytesPerSecond: 1024 * 1024,
  });
  console.log(pressure.table(60));
  console.log(JSON.stringify({ ...run, ...pressure.memory() }));
  expect(pressure.untruths({ toleranceMs: 3_000, reportMsMax: 3_000 })).toEqual([]);
  expect(pressure.overLimits(96)).toEqual([]);
  expect(await one.spine.judged()).toBeNull();
});
