/** What a worker is told: names and limits. processor/config.ts fills it; every limit has its unit. */
import type { Projection } from '../projection/projection.ts';
import type { RetrySettings } from './retry.ts';
import type { ReadModel } from './store.ts';

/** A projection that the worker hosts, and which build of it. */
export type Hosted = {
  readonly projection: Projection;
  readonly generation: number;
  /**
   * This process created the generation, and nobody else has written to it: while a partition is read from
   * its beginning, totals that no memory was short of are not looked up (lane.ts).
   */
  readonly isNew?: boolean;
};

export type WorkerSettings = RetrySettings & {
  readonly group: string;
  readonly eventsTopic: string;
  readonly deadLettersTopic: string;
  /** Partitions of the events topic: fixed for the store's life, also the shards of aggregates. */
  readonly partitions: number;
  readonly hosted: readonly Hosted[];
  /** Values of fetched records that are not yet written, as encoded; decoded they are some times that. */
  readonly bytesInFlightMax: number;
  /** Fetches that have queued up are written together up to this many records … */
  readonly batchRecordsMax: number;
  /** … or until one projection has this many rows to write; one event may go beyond. */
  readonly batchRowsMax: number;
  /** A batch that is not full waits so long for records that the partition has; it never does without. */
  readonly gatherMsMax?: number;
  /** Records are decoded when they are folded, not as they come: less is in memory, the first row is later. */
  readonly decodesLate?: boolean;
  /** Partitions fold one after the other, so that some are written while another one is folded (turns.ts). */
  readonly foldsInTurn?: boolean;
  /** Records decoded or folded at a stretch before anything else may run. */
  readonly sliceRecords: number;
  /** Totals kept in memory by each projection and partition. */
  readonly totalsCacheEntriesMax: number;
  /** A checkpoint is written at most so often per partition; rows are written at once. */
  readonly checkpointIntervalMs: number;
  /** The group's offsets are committed at most so often. */
  readonly commitIntervalMs: number;
  /** Events of one partition that a projection may have set aside before it stops. */
  readonly deadLetterRecordsMax: number;
  /** A dead letter of a map is retried for so long; then tombstones may be purged (gc_grace_seconds). */
  readonly retryAgeMsMax: number;
  /** How long an orderly stop may go on writing what is queued. */
  readonly drainMsMax: number;
};

/** All but what only the caller knows. */
export const workerDefaults = {
  bytesInFlightMax: 64 * 1024 * 1024,
  batchRecordsMax: 2000,
  batchRowsMax: 5000,
  sliceRecords: 200,
  totalsCacheEntriesMax: 100_000,
  checkpointIntervalMs: 100,
  commitIntervalMs: 1000,
  deadLetterRecordsMax: 10_000,
  retryAgeMsMax: 9 * 24 * 60 * 60 * 1000,
  retryDelayMsMin: 100,
  retryDelayMsMax: 10_000,
  drainMsMax: 20_000,
} as const satisfies Partial<WorkerSettings>;

export function readModelOf(hosted: Hosted): ReadModel {
  return { shape: hosted.projection.shape, generation: hosted.generation };
}
