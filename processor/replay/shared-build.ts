/**
 * One build by several members of its consumer group (threads, each with its own connections): every one holds
 * the partitions that the group has dealt it. What any of them says that it has reached is acknowledged by the
 * store, so a partition that changes hands counts by whoever came further.
 */
import {
  leastWatermark,
  type PartitionStatus,
  type ProjectionStatus,
} from '../engine/worker-status.ts';
import type { Build } from './build.ts';

export function sharedBuild(first: Build, others: readonly Build[]): Build {
  if (others.length === 0) return first;
  const all = [first, ...others];
  return {
    status: (target) =>
      together(
        first.status(target),
        all.map((each) => each.status(target)),
      ),
    failed: Promise.race(all.map(({ failed }) => failed)),
    async stop() {
      await Promise.all(all.map((each) => each.stop()));
    },
  };
}

function together(own: ProjectionStatus, all: readonly ProjectionStatus[]): ProjectionStatus {
  const partitions = furthest(all.flatMap((each) => each.partitions));
  const halted = all.find(({ state }) => state === 'halted');
  const deadLetters = partitions.reduce((sum, { reached }) => sum + reached.deadLetters, 0);
  return {
    ...own,
    state: halted?.state ?? (deadLetters > 0 ? 'degraded' : 'running'),
    error: halted?.error ?? null,
    deadLetters,
    watermark: leastWatermark(partitions),
    partitions,
  };
}

function furthest(held: readonly PartitionStatus[]): readonly PartitionStatus[] {
  const found = new Map<number, PartitionStatus>();
  for (const each of held) {
    const known = found.get(each.partition);
    if (known === undefined || known.reached.offset < each.reached.offset) {
      found.set(each.partition, each);
    }
  }
  return [...found.values()].sort((one, other) => one.partition - other.partition);
}
