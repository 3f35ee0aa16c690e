/**
 * What `turnstream.events` holds (DESIGN 3.3): events, each the effect of one row change on one
 * session, watermarks, each a promise (I4), and retries of dead letters. Within a Kafka partition both stand in the order of
 * their positions; a reader drops whatever is not above the last position that it took (I2).
 */
import type { FactChange } from '../conversation/fact.ts';
import type { Instant } from '../source/instant.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';

export const eventTypes = [
  'SessionOpened',
  'SessionMoved',
  'SessionRenamed',
  'SessionDeleted',
  'HumanTurnAsked',
  'HumanTurnRevised',
  'AgentTurnStarted',
  'AgentTurnRevised',
  'BranchSelected',
  'TurnDeparted',
  'TurnArrived',
  'TurnDeleted',
  'StepRecorded',
  'StepRevised',
  'StepDeleted',
] as const;

export type EventType = (typeof eventTypes)[number];

export type ConversationEvent = {
  readonly kind: 'event';
  readonly position: Position;
  /** The WAL address of the row change; null for a row that a snapshot read. */
  readonly lsn: Lsn | null;
  readonly transactionId: number | null;
  readonly committedAt: Instant;
  readonly capturedAt: Instant;
  readonly type: EventType;
  readonly sessionUid: string;
  readonly changes: readonly FactChange[];
};

/** Every transaction committed at or before `lsn` is in this partition before this record. */
export type Watermark = {
  readonly kind: 'watermark';
  readonly position: Position;
  readonly lsn: Lsn;
  readonly committedAt: Instant;
  readonly capturedAt: Instant;
};

/**
 * A dead letter is to be tried again, at this position (DESIGN 3.5), or never. It stands in the partition of the
 * original record and carries that record's bytes; it concerns the one generation that set it aside.
 */
export type Retry = {
  readonly kind: 'retry';
  readonly position: Position;
  /** When somebody asked for it. */
  readonly requestedAt: Instant;
  readonly projection: string;
  readonly version: number;
  readonly generation: number;
  readonly partition: number;
  /** Of the original record in this partition. */
  readonly offset: number;
  /** Empty when it is discarded. */
  readonly value: Buffer;
  /** It is not to be tried any more: the read model does without it. */
  readonly discard: boolean;
};

export type LogEntry = ConversationEvent | Watermark | Retry;
