import { expect, test, vi } from 'vitest';
import { createLimiter, forEachBounded } from './limiter.ts';

function gates() {
  const open: (() => void)[] = [];
  const begun: number[] = [];
  const call = (item: number): Promise<number> => {
    begun.push(item);
    return new Promise((resolve) => open.push(() => resolve(item * 10)));
  };
  return { open, begun, call };
}

test('no more calls are under way than the bound, and they begin in order', async () => {
  const { open, begun, call } = gates();
  const limiter = createLimiter(2);
  const all = Promise.all([1, 2, 3, 4].map((item) => limiter(() => call(item))));
  await vi.waitFor(() => expect(begun).toEqual([1, 2]));
  open[1]?.();
  await vi.waitFor(() => expect(begun).toEqual([1, 2, 3]));
  open[0]?.();
  await vi.waitFor(() => expect(begun).toEqual([1, 2, 3, 4]));
  open[2]?.();
  open[3]?.();
  expect(await all).toEqual([10, 20, 30, 40]);
});

test('a call that fails leaves its place to the next', async () => {
  const limiter = createLimiter(1);
  const failing = limiter(() => Promise.reject(new Error('one')));
  const next = limiter(async () => 'two');
  await expect(failing).rejects.toThrow('one');
  await expect(next).resolves.toBe('two');
});

test('after a failure none begins, and it is thrown once those that began have ended', async () => {
  const { open, begun, call } = gates();
  let ended = false;
  const all = forEachBounded([1, 2, 3, 4], 2, async (item) => {
    if (item === 2) throw new Error('two');
    return call(item);
  });
  const outcome = all
    .catch((error: Error) => error.message)
    .finally(() => {
      ended = true;
    });
  await vi.waitFor(() => expect(begun).toEqual([1]));
  expect(ended).toBe(false);
  open[0]?.();
  expect(await outcome).toBe('two');
  expect(begun).toEqual([1]);
});

test('results are in the order of the items', async () => {
  const results = forEachBounded([3, 1, 2], 3, async (item) => item * 10);
  expect(await results).toEqual([30, 10, 20]);
});

test('an item is not asked for before there is room for it', async () => {
  const { open, begun, call } = gates();
  const asked: number[] = [];
  function* items() {
    for (const item of [1, 2, 3]) {
      asked.push(item);
      yield item;
    }
  }
  const results = forEachBounded(items(), 2, call);
  expect(asked).toEqual([1, 2]);
  open[0]?.();
  await vi.waitFor(() => expect(begun).toEqual([1, 2, 3]));
  open[1]?.();
  open[2]?.();
  expect(await results).toEqual([10, 20, 30]);
});

test('items that fail are a failure like that of a call', async () => {
  const { open, begun, call } = gates();
  function* items() {
    yield 1;
    throw new Error('no second');
  }
  const results = forEachBounded(items(), 2, call).catch((error: Error) => error.message);
  expect(begun).toEqual([1]);
  open[0]?.();
  expect(await results).toBe('no second');
});

test('with a shared limiter an item is not asked for before that has room', async () => {
  const { open, begun, call } = gates();
  const shared = createLimiter(2);
  const asked: number[] = [];
  function* items(...of: readonly number[]) {
    for (const item of of) {
      asked.push(item);
      yield item;
    }
  }
  const one = forEachBounded(items(1, 2, 3), 2, call, shared);
  const other = forEachBounded(items(10, 20), 2, call, shared);
  expect(asked).toEqual([1, 2]);
  open[0]?.();
  await vi.waitFor(() => expect(begun).toEqual([1, 2, 10]));
  expect(asked).toEqual([1, 2, 10]);
  for (let at = 1; at < 5; at += 1) {
    await vi.waitFor(() => expect(begun.length).toBeGreaterThan(at));
    open[at]?.();
  }
  expect([await one, await other]).toEqual([
    [10, 20, 30],
    [100, 200],
  ]);
});
