/** What the checks of a history may hear of the cluster, and what happened in it for the coverage. */
import type { Tie } from './copy.ts';
import type { PlainCells, Write } from './write.ts';

export type TieSeen = Tie & {
  readonly table: string;
  readonly key: PlainCells;
  /** Whose write met the other. */
  readonly by: string;
};

/** All are called within a step, and may not change anything. */
export type CqlProbes = {
  /** It took effect for the first time: at least one replica has it. */
  readonly applied?: (write: Write) => void;
  /** A majority has it, whether or not its writer hears so. */
  readonly durable?: (write: Write) => void;
  /** More than once for each replica where it happens. Identical cells are none. */
  readonly tie?: (tie: TieSeen) => void;
  /** It was written without a timestamp. */
  readonly serverTime?: (write: Write) => void;
};

export const cqlHappenings = [
  'cql: a write timed out and was applied',
  'cql: a write timed out and was not applied',
  'cql: a write applied long after its time-out',
  'cql: a write applied after its writer had died',
  'cql: a write reached a minority alone',
  'cql: a replica got a write late',
  'cql: a replica never got a write',
  'cql: a read timed out',
  'cql: a read met replicas that differ',
  'cql: an older write met a newer row',
  'cql: equal timestamps',
  'cql: a write without a timestamp',
  'cql: a batch of several statements',
  'cql: a second page',
] as const;

export type CqlHappening = (typeof cqlHappenings)[number];
