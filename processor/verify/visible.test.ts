import { expect, test } from 'vitest';
import { isVisible, parsePgSnapshot } from './visible.ts';

const seen = (text: string, transactionId: number): boolean => {
  const snapshot = parsePgSnapshot(text);
  if (snapshot === undefined) throw new Error(text);
  return isVisible(snapshot, transactionId);
};

test('a transaction is seen below xmin, and between xmin and xmax unless it had not committed', () => {
  expect([749, 750, 751, 752, 753, 754].map((xid) => seen('750:753:750,752', xid))).toEqual([
    true,
    false,
    true,
    false,
    false,
    false,
  ]);
  expect(seen('750:750:', 749)).toBe(true);
  expect(seen('750:750:', 750)).toBe(false);
});

test('the 32 bits that an event carries are those of the nearest transaction', () => {
  // The counter has gone round twice and stands a little above it: 2^33 + 5.
  const snapshot = '8589934594:8589934597:8589934595';
  expect([2, 3, 4, 5, 6].map((xid) => seen(snapshot, xid))).toEqual([
    true,
    false,
    true,
    false,
    false,
  ]);
  expect(seen(snapshot, 2 ** 32 - 1)).toBe(true);
  // A little below it: the next numbers begin anew.
  const before = '8589934590:8589934590:';
  expect([2 ** 32 - 3, 2 ** 32 - 2, 0, 3].map((xid) => seen(before, xid))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('what is no snapshot is told apart', () => {
  for (const text of ['', '1:2', 'a:b:c', '1:2:3,', '1:2:3,x']) {
    expect(parsePgSnapshot(text), text).toBeUndefined();
  }
});
