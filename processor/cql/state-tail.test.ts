import { expect, test } from 'vitest';
import type { StateRow } from '../sequencer/state-store.ts';
import { groupOf, lackingOf, markOf, notSettled, tailOf, tailText } from './state-tail.ts';

const row = (idx: number, expires = false): StateRow => ({
  kind: 'step',
  uid: '"t"',
  idx,
  other: 'ü',
  lsn: 7,
  seen: 8,
  present: true,
  body: '{}',
  text: 'x',
  expires,
});
const key = (idx: number) => ({ kind: 'step', uid: '"t"', idx, other: 'ü' });
const group = (position: number, ...rows: StateRow[]) => groupOf(position, rows.map(markOf));
const found = (idx: number, written: number | null) => ({
  ...key(idx),
  written: written === null ? null : BigInt(written),
});

test('the tail names each row of the batch once, at the position of its last segment', () => {
  const text = tailText([group(5, row(1), row(2)), group(6), group(9, row(2), row(3, true))]);
  expect(tailOf(text)).toEqual({
    position: 9,
    rows: [
      { ...key(1), expires: false, position: 5 },
      { ...key(2), expires: false, position: 9 },
      { ...key(3), expires: true, position: 9 },
    ],
  });
  expect(tailOf(tailText([group(6)]))).toEqual({ position: 6, rows: [] });
});

test('a container without a tail has none at any position', () => {
  expect(tailOf(null)).toEqual({ position: -1, rows: [] });
  expect(tailOf(undefined)).toEqual({ position: -1, rows: [] });
});

test('a row must be as new as its segment; one that expires may be gone, but not be older', () => {
  const tail = tailOf(tailText([group(5, row(1)), group(9, row(2), row(3, true))]));
  const lacking = (...rows: ReturnType<typeof found>[]) => lackingOf(tail, rows)?.idx;
  expect(lacking(found(1, 5), found(2, 9), found(3, 9))).toBeUndefined();
  expect(lacking(found(1, 6), found(2, 90))).toBeUndefined();
  expect(lacking(found(1, 4), found(2, 9))).toBe(1);
  expect(lacking(found(1, 5), found(2, 5))).toBe(2);
  expect(lacking(found(1, 5))).toBe(2);
  expect(lacking(found(1, 5), found(2, null))).toBe(2);
  expect(lacking(found(1, 5), found(2, 9), found(3, 8))).toBe(3);
});

test('the refusal says what of which container is waited for, and that it may pass', () => {
  const [lacking = null] = tailOf(tailText([group(5, row(1))])).rows;
  expect(notSettled('s:a', 5, lacking)).toMatchObject({ code: 'STORE', retriable: true });
  expect(notSettled('s:a', 5, lacking).message).toContain(
    's:a is at 5, but the replicas that answered do not have its step row ["\\"t\\"",1,"ü"] of 5',
  );
  expect(notSettled('s:a', 5, null).message).toContain('do not have the list of its last rows');
});
