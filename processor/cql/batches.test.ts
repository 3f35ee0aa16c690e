import { expect, test } from 'vitest';
import { bytesOf, cutBatches } from './batches.ts';
import type { Statement } from './statements.ts';

const statement = (query: string, bytes = 0): Statement => {
  return { query, params: bytes === 0 ? [] : [Buffer.alloc(bytes)] };
};
const names = (batches: Iterable<readonly Statement[]>) =>
  [...batches].map((batch) => batch.map(({ query }) => query).join(' '));
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

test('statements are taken as their batches are asked for', () => {
  const taken: string[] = [];
  function* rows() {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      taken.push(name);
      yield statement(name);
    }
  }
  const [first] = cutBatches([rows()], limits);
  expect(names(first === undefined ? [] : [first])).toEqual(['a b c']);
  // One more, to know that the batch is full.
  expect(taken).toEqual(['a', 'b', 'c', 'd']);
});

test('a null and an empty value count with their overhead', () => {
  expect(bytesOf({ query: '', params: [null, Buffer.alloc(0), Buffer.alloc(10)] })).toBe(58);
});
