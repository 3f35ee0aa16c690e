/** What the sequencer's runtime is given; processor/config.ts has names, defaults and sentences. */

import type { Clock, Random } from '../engine/clock.ts';
import type { DeadLetterStore } from '../engine/dead-letter-store.ts';
import type { LogEntry } from '../event/event.ts';
import type { Log, LogConsumer, LogProducer, LogRecord } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import type { SourceRecord } from '../source/row-change.ts';
import type { SequencerObserver } from './observer.ts';
import type { StateStore } from './state-store.ts';

export type SequencerSettings = {
  readonly changesTopic: string;
  readonly eventsTopic: string;
  readonly deadLettersTopic: string;
  readonly group: string;
  readonly eventsPartitions: number;
  readonly positionBase: number;
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  /** Records fetched and not yet folded. */
  readonly bytesInFlightMax: number;
  readonly cacheBytesMax: number;
  readonly hintsMax: number;
  /** A container above this forgets the steps that it has just read through. */
  readonly containerBytesMax: number;
  /** A large fan-out is cut into events of about this size. */
  readonly eventBytesTarget: number;
  /** Events gathered above this are appended before the batch is done. */
  readonly pendingEventsMax: number;
  /** And so are events of so many bytes, though their change is not folded to its end. */
  readonly pendingEventBytesMax: number;
  /** Containers of state written at a time. */
  readonly writeConcurrencyMax: number;
  readonly idleWatermarkMs: number;
  readonly retryDelayMsMin: number;
  readonly retryDelayMsMax: number;
  readonly drainMsMax: number;
};

/** Reads records of `changes`. */
export type ChangeDecoder = {
  /** Loads the schemas that the records need, keys included; retriable REGISTRY errors. */
  load(records: readonly LogRecord[]): Promise<void>;
  /** Throws DECODE for bytes that are no record of ours or Debezium's. */
  decode(record: LogRecord): SourceRecord;
};

/** Writes the sequencer's own records for `changes`. */
export type SweepEncoder = (
  record: Extract<SourceRecord, { kind: 'sweep' | 'sweep-end' }>,
) => Buffer;

export type SequencerDeps = {
  readonly log: Log;
  readonly store: StateStore;
  readonly decoder: ChangeDecoder;
  readonly letters: DeadLetterStore;
  readonly encodeSweep: SweepEncoder;
  readonly encode: (entry: LogEntry) => Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: SequencerObserver;
  readonly logger: Logger;
};

/** What one tenure of the active sequencer works with. */
export type TenureContext = SequencerDeps & {
  readonly settings: SequencerSettings;
  readonly producer: LogProducer;
  readonly consumer: LogConsumer;
};
