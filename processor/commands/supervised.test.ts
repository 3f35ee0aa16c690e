import { expect, test } from 'vitest';
import { TurnstreamError } from '../error.ts';
import { silentLogger } from '../logger.ts';
import { type Supervision, supervised } from './supervised.ts';

const away = new TurnstreamError('CONNECT', 'no broker', { retriable: true });

function open(more: Partial<Supervision> = {}) {
  const stop = new AbortController();
  const pauses: number[] = [];
  const failures: string[] = [];
  const clock = { nowMs: 0 };
  const supervision: Supervision = {
    part: 'worker',
    clock: {
      nowMs: () => clock.nowMs,
      delay: async (ms) => {
        pauses.push(ms);
        clock.nowMs += ms;
      },
      yield: async () => undefined,
    },
    random: () => 1,
    settings: { retryDelayMsMin: 100, retryDelayMsMax: 1000 },
    log: silentLogger,
    signal: stop.signal,
    hasBegun: () => false,
    failed: ({ code }) => failures.push(code),
    ...more,
  };
  return { stop, pauses, failures, clock, supervision };
}

test('what passes by itself is waited for, with growing pauses, and told each time', async () => {
  const { pauses, failures, supervision } = open();
  let left = 7;
  await supervised(async () => {
    left -= 1;
    if (left > 0) throw away;
  }, supervision);
  expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(failures).toEqual(Array(6).fill('CONNECT'));
});

test('after a time of work the pauses are short again', async () => {
  const { pauses, clock, supervision } = open();
  let attempts = 0;
  await supervised(async () => {
    attempts += 1;
    if (attempts === 4) clock.nowMs += 60_000;
    if (attempts < 6) throw away;
  }, supervision);
  expect(pauses).toEqual([100, 200, 400, 100, 200]);
});

test('what does not pass by itself ends the service', async () => {
  const { pauses, supervision } = open();
  const lasting = new TurnstreamError('PARTITION_COUNT', 'another number of partitions');
  const work = async () => {
    throw lasting;
  };
  await expect(supervised(work, supervision)).rejects.toBe(lasting);
  const bug = async () => {
    throw new TypeError('a bug');
  };
  await expect(supervised(bug, supervision)).rejects.toThrow('a bug');
  expect(pauses).toEqual([]);
});

test('asked to stop while it waits, it stops at once and tries no more', async () => {
  const { stop, supervision } = open();
  let attempts = 0;
  await supervised(async () => {
    attempts += 1;
    stop.abort();
    throw away;
  }, supervision);
  expect(attempts).toBe(1);
});

test('an attempt that hangs before it has begun is not waited for; one that works is', async () => {
  const never = new Promise<void>(() => undefined);
  const first = open();
  const waiting = supervised(() => never, first.supervision);
  first.stop.abort();
  await expect(waiting).resolves.toBeUndefined();

  const second = open({ hasBegun: () => true });
  let finish: () => void = () => undefined;
  const drained = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let isOver = false;
  const working = supervised(() => drained, second.supervision).then(() => {
    isOver = true;
  });
  second.stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(second.pauses).toEqual([5000]);
  expect(isOver).toBe(false);
  finish();
  await working;
});
