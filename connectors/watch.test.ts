/** What is begun anew and when, on a clock of the test's own. */
import { expect, test } from 'vitest';
import { TurnstreamError } from '../processor/error.ts';
import { silentLogger } from '../processor/logger.ts';
import { VirtualClock } from '../test/worker/virtual-clock.ts';
import type { Condition } from './kafka-connect.ts';
import { ConnectorWatch, watchConnector } from './watch.ts';

const settings = { connector: 'turnstream', watchIntervalMs: 5_000, restartDelayMsMax: 40_000 };

const running: Condition = { kind: 'running' };
const failed: Condition = { kind: 'failed', cause: 'Caused by: no slot' };
const paused: Condition = { kind: 'resting', states: 'PAUSED, PAUSED' };

/** A connector that is what the test sets; `restarts` are the times in s at which it was begun anew. */
function watched() {
  const clock = new VirtualClock(0);
  const world = {
    condition: running as Condition | TurnstreamError,
    restarts: [] as number[],
    told: [] as string[],
    seen: [] as (boolean | null)[],
  };
  const tell = (_: object, text: string) => void world.told.push(text);
  const deps = {
    connect: {
      condition: async () => {
        if (world.condition instanceof Error) throw world.condition;
        return world.condition;
      },
      restartFailed: async () => void world.restarts.push(clock.nowMs() / 1000),
    },
    clock,
    random: () => 1,
    log: { ...silentLogger, info: tell, warn: tell },
    seen: (up: boolean | null) => void world.seen.push(up),
    restarted: () => undefined,
  };
  const watch = new ConnectorWatch(deps, settings);
  const lookFor = async (seconds: number) => {
    for (let at = 0; at < seconds; at += 5) {
      await watch.look();
      clock.passMs(5_000);
    }
  };
  return { world, deps, lookFor };
}

test('what runs is left alone, and said nothing of', async () => {
  const { world, lookFor } = watched();
  await lookFor(20);
  expect(world).toMatchObject({ restarts: [], told: [], seen: [true, true, true, true] });
});

test('what has failed is begun anew at once, then after pauses that double up to the limit', async () => {
  const { world, lookFor } = watched();
  world.condition = failed;
  await lookFor(160);
  expect(world.restarts).toEqual([0, 5, 15, 35, 75, 115, 155]);
  expect(world.told[0]).toBe(
    'connector turnstream has failed and is begun anew: Caused by: no slot',
  );
});

test('one that failed, ran for longer than the limit and fails again is begun anew at once', async () => {
  const { world, lookFor } = watched();
  world.condition = failed;
  await lookFor(20);
  world.condition = running;
  await lookFor(60);
  world.condition = failed;
  await lookFor(10);
  expect(world.restarts).toEqual([0, 5, 15, 80, 85]);
  expect(world.told).toContain('connector turnstream runs');
});

test('one that runs for a moment between its failures does not get the short pause again', async () => {
  const { world, lookFor } = watched();
  for (let round = 0; round < 4; round += 1) {
    world.condition = failed;
    await lookFor(15);
    world.condition = running;
    await lookFor(5);
  }
  expect(world.restarts).toEqual([0, 5, 20, 40]);
});

test('what somebody has paused, and what is not there, is told once and left alone', async () => {
  const { world, lookFor } = watched();
  world.condition = paused;
  await lookFor(20);
  world.condition = { kind: 'missing' };
  await lookFor(20);
  expect(world).toMatchObject({
    restarts: [],
    told: [
      'connector turnstream does not run (PAUSED, PAUSED)',
      'connector turnstream is not there: run `turnstream connect`',
    ],
  });
  expect(new Set(world.seen)).toEqual(new Set([false]));
});

test('while Connect does not answer, nothing is claimed', async () => {
  const { world, lookFor } = watched();
  world.condition = new TurnstreamError('CONNECT', 'nobody answers', { retriable: true });
  await lookFor(20);
  expect(world).toMatchObject({
    restarts: [],
    told: ['connector turnstream is not known: nobody answers'],
    seen: [null, null, null, null],
  });
});

test('it looks until the signal aborts', async () => {
  const { deps, world } = watched();
  const stop = new AbortController();
  const watching = watchConnector(deps, settings, stop.signal);
  while (world.seen.length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
    deps.clock.jump();
  }
  stop.abort();
  await watching;
  expect(world.seen).toHaveLength(3);
});

test('a Connect that does not answer at all holds up no end', async () => {
  const { deps } = watched();
  const stop = new AbortController();
  const connect = { ...deps.connect, condition: () => new Promise<never>(() => undefined) };
  const watching = watchConnector({ ...deps, connect }, settings, stop.signal);
  stop.abort();
  await watching;
}, 5_000);
