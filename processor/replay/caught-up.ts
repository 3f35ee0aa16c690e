/**
 * When a build is up to date: it has read what the log held when it began, and its watermark has passed
 * that of the live generation in every partition, so that nobody who is switched goes back in time.
 */
import type { Checkpoint } from '../engine/store.ts';
import type { ProjectionStatus } from '../engine/worker-status.ts';

export type Behind = {
  /** Ends of the partitions as they were when the build began. */
  readonly ends: readonly number[];
  /** The live generation's; empty when there is none. */
  readonly live: ReadonlyMap<number, Checkpoint>;
};

export function hasReadOnce(status: ProjectionStatus, ends: readonly number[]): boolean {
  return ends.every((end, partition) => (reachedOf(status, partition)?.offset ?? -1) >= end);
}

export function isCaughtUp(status: ProjectionStatus, { ends, live }: Behind): boolean {
  if (!hasReadOnce(status, ends)) return false;
  return ends.every((_, partition) => {
    const wanted = live.get(partition)?.watermark ?? null;
    if (wanted === null) return true;
    const found = reachedOf(status, partition)?.watermark ?? null;
    return found !== null && found.lsn >= wanted.lsn;
  });
}

function reachedOf({ partitions }: ProjectionStatus, partition: number): Checkpoint | undefined {
  return partitions.find((each) => each.partition === partition)?.reached;
}
