/**
 * The worker's port to the database. CQL implements it (processor/cql/), a memory form runs the
 * same contract suite.
 *
 * Every write carries a position, which is its write timestamp (I9): the highest one wins, in any
 * order of arrival, and at equal ones a delete beats a write. Rows are written whole.
 */

import type { Cell } from '../projection/columns.ts';
import type { Key, TableShape } from '../projection/projection.ts';
import type { Instant } from '../source/instant.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';

/** One physical build of a read model: table `<projection>_v<version>_g<generation>`. */
export type ReadModel = { readonly shape: TableShape; readonly generation: number };

/** `values` has every value column, null where there is none. */
export type RowWrite =
  | {
      readonly op: 'upsert';
      readonly key: Key;
      readonly values: readonly Cell[];
      readonly position: Position;
    }
  | { readonly op: 'delete'; readonly key: Key; readonly position: Position };

/** Absolute totals of one (key, shard), exact up to `position` (DESIGN 3.4). Never deleted. */
export type TotalsWrite = {
  readonly key: Key;
  readonly shard: number;
  readonly totals: readonly number[];
  readonly position: Position;
};

export type StoredTotals = { readonly totals: readonly number[]; readonly position: Position };

export interface ReadModelStore {
  /** Creates the tables that are missing; never alters one. */
  ensure(models: readonly ReadModel[]): Promise<void>;
  /**
   * Writes all, grouped by CQL partition into unlogged batches below the size limit, with bounded
   * concurrency; resolves when all are acknowledged. No two writes of a call concern one row.
   * Rejects with a STORE error (retriable for time-outs and absent nodes); any part may be applied.
   */
  writeRows(model: ReadModel, writes: readonly RowWrite[]): Promise<void>;
  writeTotals(model: ReadModel, writes: readonly TotalsWrite[]): Promise<void>;
  /** In the order of the keys; null where there is no row. */
  loadTotals(
    model: ReadModel,
    shard: number,
    keys: readonly Key[],
  ): Promise<readonly (StoredTotals | null)[]>;
}

/** A durable resume point of (projection, version, generation, partition). */
export type Checkpoint = {
  /** Offset of the next record to read. */
  readonly offset: number;
  /** Position of the last entry that was taken; -1 before the first. */
  readonly position: number;
  /** The last watermark that was taken. */
  readonly watermark: { readonly lsn: Lsn; readonly committedAt: Instant } | null;
  /** Events set aside so far: above 0 the read model is degraded. */
  readonly deadLetters: number;
};

export interface CheckpointStore {
  /** By partition; partitions without one are absent. */
  load(model: ReadModel): Promise<ReadonlyMap<number, Checkpoint>>;
  /** Written with the checkpoint's position as timestamp: an older one never overwrites a newer. */
  save(model: ReadModel, partition: number, checkpoint: Checkpoint): Promise<void>;
}
