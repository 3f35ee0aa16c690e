/** A stop ends the waiting for what a stopped pipeline will not bring, whenever it comes. */
import { expect, test } from 'vitest';
import { projections } from '../../projections/index.ts';
import { systemClock } from '../commands/system-clock.ts';
import { type Lsn, parseLsn } from '../source/lsn.ts';
import type { SourceSnapshot, Target } from './ports.ts';
import { openComparable, type SnapshotDeps, type SnapshotTail } from './snapshots.ts';

/** A stop that is not heard ends with the words of one that waited. */
const waitMsMax = 2_000;
const stops = ['before it', 'while it is made', 'once it is made'] as const;
type Stop = (typeof stops)[number];

const [projection] = projections;
const target = { projection, model: { shape: projection?.shape, generation: 1 } } as Target;

/** A pipeline that has ended: no watermark comes, and the checkpoint stands still. */
async function stoppedAt(at: Stop, ends: 'no watermark' | 'no worker') {
  const stop = new AbortController();
  const when = (now: Stop) => {
    if (now === at) stop.abort();
  };
  const open = { snapshots: 0 };
  const tail: SnapshotTail = {
    hold: async () => when('before it'),
    begin: () => when('once it is made'),
    watermarked: () => (ends === 'no worker' ? Promise.resolve() : new Promise(() => undefined)),
    isClean: true,
    unmarked: [0],
    watermarks: [1],
  };
  const snapshot = {
    lsn: parseLsn('0/1') as Lsn,
    close: async () => {
      open.snapshots--;
    },
  } as SourceSnapshot;
  const deps: SnapshotDeps = {
    source: {
      open: async () => {
        open.snapshots++;
        when('while it is made');
        return snapshot;
      },
    },
    checkpoints: { load: async () => new Map() },
    clock: systemClock,
    signal: stop.signal,
  };
  await expect(openComparable(deps, tail, [target], waitMsMax)).rejects.toThrow(
    'It was stopped before it was done',
  );
  return open.snapshots;
}

test.each(stops)('stopped %s, no watermark is waited for', async (at) => {
  expect(await stoppedAt(at, 'no watermark')).toBe(0);
});

test.each(stops)('stopped %s, no worker is waited for', async (at) => {
  expect(await stoppedAt(at, 'no worker')).toBe(0);
});
