import { expect, test } from 'vitest';
import { PaceMeter, paceBetween, ratioOf } from './progress.ts';

test('the time left counts with what comes in meanwhile', () => {
  const first = { atMs: 0, done: 0, total: 1000 };
  expect(paceBetween(first, { atMs: 10_000, done: 500, total: 1100 })).toEqual({
    eventsPerSecond: 50,
    etaMs: 15_000,
  });
  // Slower than the log grows: nobody can tell.
  expect(paceBetween(first, { atMs: 10_000, done: 100, total: 1200 }).etaMs).toBeNull();
  expect(paceBetween(first, { atMs: 10_000, done: 1200, total: 1200 }).etaMs).toBe(0);
  expect(paceBetween(first, first)).toEqual({ eventsPerSecond: 0, etaMs: null });
});

test('the rate is that of the last seconds', () => {
  const meter = new PaceMeter();
  for (let second = 0; second <= 60; second += 1) {
    meter.see({ atMs: second * 1000, done: second * 100, total: 100_000 });
  }
  let pace = { eventsPerSecond: 0 };
  for (let second = 61; second <= 90; second += 1) {
    pace = meter.see({ atMs: second * 1000, done: 6000 + (second - 60) * 10, total: 100_000 });
  }
  expect(pace.eventsPerSecond).toBe(10);
});

test('a share is from 0 to 1, and 1 of nothing', () => {
  expect(ratioOf(5, 10)).toBe(0.5);
  expect(ratioOf(0, 0)).toBe(1);
  expect(ratioOf(12, 10)).toBe(1);
});
