/** How segments share batches and are cut, by names in place of statements. */
import { expect, test } from 'vitest';
import type { Position } from '../source/position.ts';
import { batchesOf, type SegmentStatements } from './state-segments.ts';
import type { Statement } from './statements.ts';

const statement = (query: string, bytes = 0): Statement => {
  return { query, params: bytes === 0 ? [] : [Buffer.alloc(bytes)] };
};
/** A row for each letter; its mark is one byte. */
const segment = (position: number, letters: string, bytes = 0): SegmentStatements => ({
  position: position as Position,
  rows: [...letters].map((name) => ({ statement: statement(name, bytes), mark: name })),
});
const end = (position: Position, tail: string): Statement => ({
  query: `${position}${tail}`,
  params: [Buffer.from(tail)],
});
const limits = { batchBytesMax: 1_000, batchRowsMax: 3 };
const named = (segments: readonly SegmentStatements[], more: Partial<typeof limits> = {}) =>
  batchesOf(segments, end, { ...limits, ...more }).map((batch) =>
    batch.map(({ query }) => query).join(' '),
  );

test('whole segments share a batch while they fit, with one position and a tail of all their rows', () => {
  expect(named([segment(1, 'a'), segment(2, ''), segment(3, 'b'), segment(4, 'c')])).toEqual([
    'a b 3[[1,[a]],[2,[]],[3,[b]]]',
    'c 4[[4,[c]]]',
  ]);
});

test('a segment is never torn while it fits into a batch', () => {
  const segments = [segment(1, 'a', 600), segment(2, 'bc', 300), segment(3, '')];
  expect(named(segments)).toEqual(['a 1[[1,[a]]]', 'b c 3[[2,[b,c]],[3,[]]]']);
});

test('a segment larger than a batch: its rows first, the last of them with its position, as many as fit', () => {
  const segments = [segment(1, ''), segment(2, 'abcdefghij'), segment(3, '')];
  expect(named(segments, { batchRowsMax: 6 })).toEqual([
    '1[[1,[]]]',
    'a b c d e',
    'f g h i j 2[[2,[f,g,h,i,j]]]',
    '3[[3,[]]]',
  ]);
  expect(named([segment(2, 'abcde', 150)], { batchBytesMax: 950 })).toEqual([
    'a',
    'b c d e 2[[2,[b,c,d,e]]]',
  ]);
});

test('the last rows are never parted from the position, however large they are', () => {
  expect(named([segment(1, 'abcdef', 5_000)])).toEqual(['a', 'b', 'c d e f 1[[1,[c,d,e,f]]]']);
});

test('the tail counts: with long marks fewer segments share a batch', () => {
  const wide = (position: number): SegmentStatements => ({
    position: position as Position,
    rows: [{ statement: statement('a'), mark: 'm'.repeat(500) }],
  });
  expect(batchesOf([wide(1), wide(2)], end, limits)).toHaveLength(2);
  expect(batchesOf([wide(1), wide(2)], end, { ...limits, batchBytesMax: 1_300 })).toHaveLength(1);
});
