import { expect, test } from 'vitest';
import { beginning } from '../engine/lane-batch.ts';
import type { Checkpoint } from '../engine/store.ts';
import type { ProjectionStatus } from '../engine/worker-status.ts';
import type { Lsn } from '../source/lsn.ts';
import { hasReadOnce, isCaughtUp } from './caught-up.ts';

function at(offset: number, lsn: number | null): Checkpoint {
  const watermark = lsn === null ? null : { lsn: lsn as Lsn, committedAt: lsn };
  return { ...beginning, offset, watermark };
}

function statusOf(...reached: readonly Checkpoint[]): ProjectionStatus {
  return {
    projection: 'p',
    version: 1,
    generation: 2,
    state: 'running',
    error: null,
    deadLetters: 0,
    watermark: null,
    partitions: reached.map((checkpoint, partition) => {
      return { partition, reached: checkpoint, endOffset: null, progressAtMs: 0 };
    }),
  };
}

const marks = (...all: readonly Checkpoint[]) => new Map(all.entries());

test('it is up to date when it has read what there was, and passed the live watermark everywhere', () => {
  const ends = [10, 0];
  const live = marks(at(12, 100), at(2, 100));
  expect(isCaughtUp(statusOf(at(12, 100), at(2, 100)), { ends, live })).toBe(true);
  expect(isCaughtUp(statusOf(at(15, 130), at(3, 120)), { ends, live })).toBe(true);
  // Behind the live one in one partition.
  expect(isCaughtUp(statusOf(at(15, 130), at(3, 99)), { ends, live })).toBe(false);
  expect(isCaughtUp(statusOf(at(15, 130), at(0, null)), { ends, live })).toBe(false);
  // Not all of what there was when it began.
  expect(isCaughtUp(statusOf(at(9, 130), at(3, 130)), { ends, live })).toBe(false);
  // A partition that nobody holds.
  expect(isCaughtUp(statusOf(at(15, 130)), { ends, live })).toBe(false);
});

test('without a live one, or where it has no watermark, the ends alone say it', () => {
  const ends = [10, 0];
  expect(isCaughtUp(statusOf(at(10, null), at(0, null)), { ends, live: new Map() })).toBe(true);
  const unknown = marks(at(12, null));
  expect(isCaughtUp(statusOf(at(10, null), at(0, null)), { ends, live: unknown })).toBe(true);
  expect(hasReadOnce(statusOf(at(9, null), at(0, null)), ends)).toBe(false);
});
