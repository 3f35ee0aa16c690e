import { expect, test } from 'vitest';
import { bytesOf, cutBatches } from './batches.ts';
import { batchesOf } from './state-segments.ts';
import type { Statement } from './statements.ts';

const statement = (query: string, bytes = 0): Statement => {
  return { query, params: bytes === 0 ? [] : [Buffer.alloc(bytes)] };
};
const names = (batches: readonly (readonly Statement[])[]) =>
  batches.map((batch) => batch.map(({ query }) => query).join(' '));
const limits = { batchBytesMax: 1_000, batchRowsMax: 3 };

test('statements of different CQL partitions are never in one batch', () => {
  const cut = cutBatches([[statement('a')], [statement('b'), statement('c')]], limits);
  expect(names(cut)).toEqual(['a', 'b c']);
});

test('a batch stays within its rows and its bytes, in order', () => {
  const rows = ['a', 'b', 'c', 'd'].map((name) => statement(name));
  expect(names(cutBatches([rows], limits))).toEqual(['a b c', 'd']);
  const wide = ['a', 'b', 'c'].map((name) => statement(name, 400));
  expect(names(cutBatches([wide], limits))).toEqual(['a b', 'c']);
});

test('a statement larger than a batch goes alone', () => {
  const rows = [statement('a'), statement('b', 5_000), statement('c')];
  expect(names(cutBatches([rows], limits))).toEqual(['a', 'b', 'c']);
});

test('a null and an empty value count with their overhead', () => {
  expect(bytesOf({ query: '', params: [null, Buffer.alloc(0), Buffer.alloc(10)] })).toBe(58);
});

test('whole segments share a batch while they fit', () => {
  const segments = [
    [statement('a'), statement('A')],
    [statement('B')],
    [statement('c'), statement('C')],
  ];
  expect(names(batchesOf(segments, limits))).toEqual(['a A B', 'c C']);
});

test('a segment is never torn while it fits into a batch', () => {
  const segments = [
    [statement('A', 600)],
    [statement('b', 300), statement('B', 300)],
    [statement('C')],
  ];
  expect(names(batchesOf(segments, limits))).toEqual(['A', 'b B C']);
});

test('a segment larger than a batch: its rows first, the last of them with its position, as many as fit', () => {
  const rows = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((name) => statement(name));
  const segments = [[statement('Z')], [...rows, statement('P')], [statement('Q')]];
  const cut = batchesOf(segments, { ...limits, batchRowsMax: 6 });
  expect(names(cut)).toEqual(['Z', 'a b c d e', 'f g h i j P', 'Q']);
  const wide = [...rows.slice(0, 5).map(({ query }) => statement(query, 150)), statement('P')];
  expect(names(batchesOf([wide], { ...limits, batchBytesMax: 950 }))).toEqual(['a', 'b c d e P']);
});

test('the last rows are never parted from the position, however large they are', () => {
  const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => statement(name, 5_000));
  expect(names(batchesOf([[...rows, statement('P')]], limits))).toEqual(['a', 'b', 'c d e f P']);
});
