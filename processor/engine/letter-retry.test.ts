import { expect, test } from 'vitest';
import type { Retry } from '../event/event.ts';
import type { Position } from '../source/position.ts';
import { planOf } from './letter-retry.ts';
import type { WaitingLetter } from './waiting-letters.ts';

const retry = (position: number): Retry => ({
  kind: 'retry',
  position: position as Position,
  requestedAt: 0,
  projection: 'p',
  version: 1,
  generation: 1,
  partition: 0,
  offset: 7,
  value: Buffer.alloc(0),
  discard: false,
});
const letter: WaitingLetter = {
  offset: 7,
  position: 70,
  atMs: 0,
  tries: 0,
  triedAt: null,
  retriedAt: null,
  discardedAt: null,
};
const evaluate = (isDecided: boolean) => expect.objectContaining({ kind: 'evaluate', isDecided });
const skip = { kind: 'skip' };

test.each([
  ['one that waits is evaluated', letter, evaluate(false)],
  ['one that nobody set aside is none', undefined, skip],
  ['one that this retry took is taken again', { ...letter, retriedAt: 100 }, evaluate(true)],
  ['one that an earlier retry took is done', { ...letter, retriedAt: 90 }, skip],
  ['one that a later retry will take is left to it', { ...letter, retriedAt: 110 }, skip],
  ['one that failed at this retry failed', { ...letter, triedAt: 100 }, skip],
  ['one that failed later had failed here', { ...letter, triedAt: 110 }, skip],
  ['one that failed before is tried again', { ...letter, triedAt: 90 }, evaluate(false)],
  [
    'one that failed here and was taken here by another build is taken',
    { ...letter, triedAt: 100, retriedAt: 100 },
    evaluate(true),
  ],
])('at a retry, %s', (_, given, expected) => {
  expect(planOf(retry(100), given)).toEqual(expected);
});

const discard = (isDecided: boolean) => expect.objectContaining({ kind: 'discard', isDecided });

test.each([
  ['one that waits is discarded', letter, discard(false)],
  ['one that nobody set aside is none', undefined, skip],
  ['one that failed is discarded, whenever that was', { ...letter, triedAt: 100 }, discard(false)],
  ['one that was discarded here is, again', { ...letter, discardedAt: 100 }, discard(true)],
  ['one that was discarded before is done', { ...letter, discardedAt: 90 }, skip],
  ['one that a retry took is taken', { ...letter, retriedAt: 90 }, skip],
])('at a discard, %s', (_, given, expected) => {
  expect(planOf({ ...retry(100), discard: true }, given)).toEqual(expected);
});

test('what was discarded is not tried again', () => {
  for (const discardedAt of [90, 100]) {
    expect(planOf(retry(100), { ...letter, discardedAt })).toEqual(skip);
  }
});
