/** What the parts of the simulated Kafka share: its world, its settings, and who looks on. */
import { TurnstreamError } from '../../../processor/error.ts';
import type { LogRecord, OffsetCommit } from '../../../processor/kafka/log.ts';
import type { Dice } from '../dice.ts';
import type { Network } from '../network.ts';
import type { Process } from '../process.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SimulatedPartition } from './partition.ts';

export type KafkaOptions = {
  /** A fetch brings from one to so many records. */
  readonly fetchRecordsMax: number;
  /** An append of more goes in several requests, one after the other. */
  readonly requestRecordsMax: number;
  /** So long after a process died, or a leaving was lost, the broker gives up on its members. */
  readonly sessionMs: number;
  /** So late, at most, a member hears that its group has rebalanced. */
  readonly rebalanceHeardMsMax: number;
  /**
   * So late a member hears that it was given up, unless `notice` or a refused commit tells it before.
   * Infinity: never by itself.
   */
  readonly expiryHeardMs: number;
  /** Failures in a row after which a consumer ends its run, as the real form does. */
  readonly retriesMax: number;
  /** Whether a commit can be applied long after its time-out, over a connection that opened again. */
  readonly lateCommits: boolean;
};

export const kafkaDefaults: KafkaOptions = {
  fetchRecordsMax: 20,
  requestRecordsMax: 10_000,
  sessionMs: 1_000,
  rebalanceHeardMsMax: 100,
  expiryHeardMs: 3_000,
  retriesMax: 10,
  lateCommits: true,
};

export type Assignment = {
  readonly group: string;
  readonly topic: string;
  /** The member's own number, and the coordinator's. */
  readonly epoch: number;
  readonly generation: number;
  readonly partitions: ReadonlyMap<number, OffsetCommit | null>;
  readonly by: Process;
};

export type CommitCircumstances = {
  readonly by: Process;
  /** As the coordinator counts. */
  readonly generation: number;
  /** Its caller had given it up before. */
  readonly isLate: boolean;
};

export type KafkaProbes = {
  /** The record stands in the partition now. By nobody: the source. */
  readonly appended?: (
    topic: string,
    partition: number,
    record: LogRecord,
    by: Process | null,
  ) => void;
  /** The offset is committed now. */
  readonly committed?: (
    group: string,
    topic: string,
    partition: number,
    commit: OffsetCommit,
    how: CommitCircumstances,
  ) => void;
  /** A member is about to be told of its partitions. */
  readonly assigned?: (assignment: Assignment) => void;
};

export type KafkaPorts = {
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly options: KafkaOptions;
  readonly count: (name: string) => void;
  readonly probes: KafkaProbes;
  /** A LOG error when there is no such topic. */
  readonly partitions: (topic: string) => readonly SimulatedPartition[];
};

export function timedOut(doing: string): TurnstreamError {
  return new TurnstreamError('LOG', `${doing} failed: no answer in time; it is worth another try`, {
    retriable: true,
  });
}
