import { expect, test } from 'vitest';
import { bytesOf, cutBatches } from './batches.ts';
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
