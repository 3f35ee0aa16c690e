import { expect, test } from 'vitest';
import { checkPositionBase } from './position-base.ts';

const beginning = {
  committed: null,
  endOffset: 1_000_000,
  reached: -1,
  changesTopic: 'changes',
  group: 'sequencer',
  positionBase: 0,
  batchRecordsMax: 2000,
};

test('nothing is known yet, or the group has its offset: it may begin', () => {
  checkPositionBase(beginning);
  checkPositionBase({ ...beginning, endOffset: 0 });
  checkPositionBase({ ...beginning, committed: 5, reached: 1e9 });
});

test('a crash before the first commit is no topic that was created again', () => {
  checkPositionBase({ ...beginning, reached: 4_000 * 1024 - 1 });
  expect(() => checkPositionBase({ ...beginning, reached: 4_000 * 1024 })).toThrow(/no offset/);
});

test('a topic that is shorter than what was read of it is another one', () => {
  checkPositionBase({ ...beginning, endOffset: 10, reached: 10 * 1024 - 1 });
  expect(() => checkPositionBase({ ...beginning, endOffset: 10, reached: 10 * 1024 })).toThrow(
    /TURNSTREAM_POSITION_BASE=1000000000000 .*set its offset to 10\./,
  );
});

test('a base above every position is right, the same one again is not', () => {
  checkPositionBase({ ...beginning, positionBase: 1e12, reached: 123_456_789 });
  const again = { ...beginning, positionBase: 1e12, reached: 1e12 + 50_000 * 1024 };
  expect(() => checkPositionBase(again)).toThrow(/TURNSTREAM_POSITION_BASE=2000000000000 /);
});
