/**
 * What is taken from a partition's queue to be written together: for each lane that runs what the records
 * mean to it (lane-batch.ts), and of the records themselves what is still needed once it is written.
 */
import type { Lane } from './lane.ts';
import { type LaneBatch, rowsToWrite } from './lane-batch.ts';
import type { EventTimes } from './observer.ts';
import type { TakenRecord } from './taken-record.ts';

export type PartitionBatch = {
  readonly open: readonly { readonly lane: Lane; readonly batch: LaneBatch }[];
  readonly takenAtMs: number;
  records: number;
  /** Held of the worker's budget until the batch is written or dropped. */
  bytes: number;
  /** Of the events that at least one projection took now. */
  readonly times: EventTimes[];
  /** The position of the last entry that was taken. */
  last: number;
  nextOffset: number;
};

export function openPartitionBatch(lanes: readonly Lane[], takenAtMs: number): PartitionBatch {
  const open = lanes.filter((lane) => lane.running).map((lane) => ({ lane, batch: lane.open() }));
  const last = Math.min(...open.map(({ batch }) => batch.reached.position));
  return { open, takenAtMs, records: 0, bytes: 0, times: [], last, nextOffset: 0 };
}

/** Adds the next records of the partition; they themselves are not kept. Never throws. */
export function foldRecords(
  batch: PartitionBatch,
  slice: readonly TakenRecord[],
  withTimes: boolean,
): void {
  for (const { lane, batch: own } of batch.open) lane.fold(own, slice);
  batch.records += slice.length;
  for (const { offset, bytes, content } of slice) {
    batch.bytes += bytes;
    batch.nextOffset = offset + 1;
    if (!withTimes || content.kind !== 'entry' || content.entry.position <= batch.last) continue;
    batch.last = content.entry.position;
    if (content.entry.kind === 'event') batch.times.push(content.times);
  }
}

/** The most rows that one projection has to write. */
export function rowsOf({ open }: PartitionBatch): number {
  return open.reduce((most, { batch }) => Math.max(most, rowsToWrite(batch)), 0);
}

/**
 * Writing it changes more than totals and rows: which letters wait, how many of them the checkpoint
 * counts, or whether the lane goes on at all. What comes next is folded by that, so after it.
 */
export function decidesTheNext({ open }: PartitionBatch): boolean {
  return open.some(
    ({ batch }) => batch.retry !== null || batch.deadLetters.length > 0 || batch.halted !== null,
  );
}
