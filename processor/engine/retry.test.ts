import { expect, test } from 'vitest';
import { VirtualClock } from '../../test/worker/virtual-clock.ts';
import { TurnstreamError } from '../error.ts';
import { pauseBefore, untilDone } from './retry.ts';

const settings = { retryDelayMsMin: 100, retryDelayMsMax: 1000 };
const timedOut = new TurnstreamError('STORE', 'timed out', { retriable: true });

test('pauses double up to their limit, each between its half and its whole', () => {
  const pauses = (noise: number) =>
    [1, 2, 3, 4, 5, 500].map((attempt) => pauseBefore(attempt, settings, () => noise));
  expect(pauses(0)).toEqual([50, 100, 200, 400, 500, 500]);
  expect(pauses(1)).toEqual([100, 200, 400, 800, 1000, 1000]);
});

function scripted(outcomes: readonly (Error | number)[], over = new AbortController()) {
  const pauses: number[] = [];
  let calls = 0;
  const clock = new VirtualClock(0);
  const instant = { ...clock, nowMs: clock.nowMs, delay: () => Promise.resolve() };
  const done = untilDone(
    () => {
      const outcome = outcomes[calls++];
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    {
      clock: instant,
      random: () => 1,
      settings,
      over: over.signal,
      onRetry: (_error, attempt, pauseMs) => {
        pauses.push(pauseMs);
        if (attempt === 3) over.abort();
      },
    },
  );
  return { done, pauses, calls: () => calls };
}

test('an operation is repeated while its errors are retriable', async () => {
  const { done, pauses } = scripted([timedOut, timedOut, 7]);
  expect(await done).toEqual({ kind: 'done', value: 7 });
  expect(pauses).toEqual([100, 200]);
});

test('an error that is not retriable comes through', async () => {
  const refused = new TurnstreamError('STORE', 'refused');
  const { done, calls } = scripted([timedOut, refused, 7]);
  await expect(done).rejects.toBe(refused);
  expect(calls()).toBe(2);
});

test('nobody repeats what is over', async () => {
  const { done, calls } = scripted([timedOut, timedOut, timedOut, 7]);
  expect(await done).toEqual({ kind: 'over' });
  expect(calls()).toBe(3);
});
