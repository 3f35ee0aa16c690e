/**
 * What read models should hold, straight from the rows of the source: facts by final-facts.ts, which shares no
 * code with the fold, and rows by the projections' own functions. Session by session, since all
 * context comes from the same one; a session's shard is its partition of the event log.
 */
import { factsOf } from '../conversation/final-facts.ts';
import { messageOf } from '../error.ts';
import { partitionOf } from '../kafka/partition.ts';
import type { Contribution, Row } from '../projection/projection.ts';
import type { SourceSession, Target } from './ports.ts';

export type ExpectedTaker = {
  readonly row: (target: Target, row: Row, sessionUid: string) => void;
  readonly totals: (
    target: Target,
    contribution: Contribution,
    shard: number,
    sessionUid: string,
  ) => void;
  /** The projection's function threw: nobody knows what should be there. */
  readonly refused: (target: Target, sessionUid: string, error: string) => void;
};

export function expect(
  { uid, rows }: SourceSession,
  targets: readonly Target[],
  partitions: number,
  take: ExpectedTaker,
): void {
  const shard = partitionOf(uid, partitions);
  const facts = factsOf(rows);
  for (const target of targets) {
    const { projection } = target;
    for (const fact of facts) {
      if (!projection.of.includes(fact.kind)) continue;
      try {
        if (projection.kind === 'map') {
          for (const row of projection.rows(fact)) take.row(target, row, uid);
        } else {
          for (const one of projection.contribute(fact)) take.totals(target, one, shard, uid);
        }
      } catch (thrown) {
        take.refused(target, uid, messageOf(thrown));
      }
    }
  }
}
