/**
 * What a worker tells whoever measures it. Calls are made after the fact, never decide anything
 * and must not throw; metrics-observer.ts turns them into the metrics of DESIGN 3.9.
 */
import type { Instant } from '../source/instant.ts';
import type { Decision } from './dead-letter-store.ts';
import type { Checkpoint } from './store.ts';

/** The moments of one event on its way, as its record tells them. */
export type EventTimes = {
  readonly committedAt: Instant;
  readonly capturedAt: Instant;
  /** When the sequencer's record was written to the log. */
  readonly sequencedAtMs: number;
};

export type WrittenRows = {
  readonly upserts: number;
  readonly deletes: number;
  readonly totals: number;
};

/** What one projection did with a batch that is acknowledged now. */
export type AppliedBatch = {
  readonly projection: string;
  readonly partition: number;
  /** Events folded, whether they concern the projection or not. */
  readonly events: number;
  /** The events that changed rows of it. */
  readonly readable: readonly EventTimes[];
  readonly rows: WrittenRows;
  readonly acknowledgedAtMs: number;
  /** How far the read model is now; the checkpoint on disk may follow a moment later. */
  readonly reached: Checkpoint;
};

/** A batch of a partition, once every projection is done with it. */
export type FinishedBatch = {
  readonly partition: number;
  readonly records: number;
  readonly events: readonly EventTimes[];
  readonly takenAtMs: number;
  readonly writeStartedAtMs: number;
  readonly acknowledgedAtMs: number;
};

export type WorkerObserver = {
  /** False: it does without the times of single events, which cost more than folding them. */
  readonly measuresEvents?: boolean;
  /** The worker owns the partition: for each running projection, where it goes on. */
  readonly held: (projection: string, partition: number, from: Checkpoint) => void;
  readonly released: (projection: string, partition: number) => void;
  /** An assignment, of these partitions. */
  readonly rebalanced: (partitions: readonly number[]) => void;
  /** Where the partition ends, as a fetch says. */
  readonly ended: (projection: string, partition: number, endOffset: number) => void;
  readonly applied: (batch: AppliedBatch) => void;
  readonly finished: (batch: FinishedBatch) => void;
  readonly deadLettered: (projection: string) => void;
  readonly letterRetried: (projection: string, outcome: Decision['kind']) => void;
  readonly retried: (operation: string) => void;
  readonly bytesInFlight: (bytes: number) => void;
  readonly totalsRead: (hits: number, misses: number) => void;
  readonly totalsCached: (partition: number, entries: number) => void;
};

const nothing = () => undefined;

export const silentObserver: WorkerObserver = {
  held: nothing,
  released: nothing,
  rebalanced: nothing,
  ended: nothing,
  applied: nothing,
  finished: nothing,
  deadLettered: nothing,
  letterRetried: nothing,
  retried: nothing,
  bytesInFlight: nothing,
  totalsRead: nothing,
  totalsCached: nothing,
};
