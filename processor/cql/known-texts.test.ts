import { expect, test } from 'vitest';
import { type KnownText, KnownTexts } from './known-texts.ts';

const text = (hash: string, position: number): KnownText => {
  return { hash, text: { inline: '', position, chunks: 1 } };
};

test('what was written is known until somebody else moved the container on', () => {
  const known = new KnownTexts(10);
  known.put('s:a', 'step', text('h', 5), 5);
  known.advance('s:a', 8);
  known.confirm('s:a', 8);
  expect(known.get('s:a', 'step')).toEqual(text('h', 5));
  known.confirm('s:a', 9);
  expect(known.get('s:a', 'step')).toBeUndefined();
});

test('a text that is read from a container that somebody moved on takes the others with it', () => {
  const known = new KnownTexts(10);
  known.put('s:a', 'one', text('h', 5), 5);
  known.putRead(known.beginRead('s:a'), 'two', text('i', 7), 7);
  expect(known.get('s:a', 'one')).toBeUndefined();
  expect(known.get('s:a', 'two')).toEqual(text('i', 7));
});

test('no more texts are known than the bound, the container used least recently goes first', () => {
  const known = new KnownTexts(2);
  known.put('s:a', 'one', text('h', 1), 1);
  known.put('s:b', 'one', text('h', 2), 2);
  known.put('s:a', 'two', text('h', 3), 3);
  expect(known.get('s:b', 'one')).toBeUndefined();
  expect(known.get('s:a', 'two')).toBeDefined();
  known.put('s:a', 'three', text('h', 4), 4);
  expect(known.get('s:a', 'one')).toBeUndefined();
  known.put('s:c', 'one', text('h', 5), 5);
  expect(known.get('s:c', 'one')).toBeDefined();
});

test('what was read beside a write is not remembered: it may be from before', () => {
  const known = new KnownTexts(10);
  const before = known.beginRead('s:a');
  known.beginWrite('s:a');
  const beside = known.beginRead('s:a');
  known.put('s:a', 'step', text('new', 8), 8);
  known.endWrite('s:a');
  for (const read of [before, beside]) known.putRead(read, 'step', text('old', 5), 5);
  expect(known.get('s:a', 'step')).toEqual(text('new', 8));
  known.endRead(before);
  known.endRead(beside);
  known.putRead(known.beginRead('s:a'), 'step', text('new', 8), 8);
  expect(known.get('s:a', 'step')).toEqual(text('new', 8));
});
