/**
 * One build by several members of its consumer group (threads, each with its own connections): every one holds
 * the partitions that the group has dealt it. What any of them says that it has reached is acknowledged by the
 * store, so a partition that changes hands counts by whoever came further.
 */
import { type PartitionStatus, type ProjectionStatus, statusOf } from '../engine/worker-status.ts';
import type { Build } from './build.ts';
import type { Target } from './choose.ts';

export function sharedBuild(first: Build, others: readonly Build[]): Build {
  if (others.length === 0) return first;
  const all = [first, ...others];
  return {
    status: (target) =>
      together(
        target,
        all.map((each) => each.status(target)),
      ),
    failed: Promise.race(all.map(({ failed }) => failed)),
    async stop() {
      await Promise.all(all.map((each) => each.stop()));
    },
  };
}

function together(target: Target, all: readonly ProjectionStatus[]): ProjectionStatus {
  const halted = all.find(({ state }) => state === 'halted');
  return statusOf(
    target.id,
    furthest(all.flatMap((each) => each.partitions)),
    halted?.error ?? null,
  );
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
