import { expect, test } from 'vitest';
import type { Position } from '../source/position.ts';
import { TotalsCache } from './totals-cache.ts';

const totals = (count: number) => ({ totals: [count], position: count as Position });

test('the least recently used entry leaves first, and reading is using', () => {
  const cache = new TotalsCache(2);
  cache.put('a', totals(1));
  cache.put('b', totals(2));
  expect(cache.get('a')).toEqual(totals(1));
  cache.put('c', totals(3));
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toEqual(totals(1));
  expect(cache.size).toBe(2);
});

test('an entry that is put again takes no more room', () => {
  const cache = new TotalsCache(2);
  for (const count of [1, 2, 3]) cache.put('a', totals(count));
  cache.put('b', totals(4));
  expect(cache.get('a')).toEqual(totals(3));
  expect(cache.size).toBe(2);
});
