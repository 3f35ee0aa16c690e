/**
 * What a record of `turnstream.changes` says, decoded: a change of one row of the four source
 * tables, or one of the signs that travel in order with them. Pure data; decode.ts makes it from
 * Debezium's envelope, conversation/ folds it.
 *
 * Columns that the source lacks arrive as null. A TOASTed column that an UPDATE left alone arrives
 * as `unchanged`: its value is what the state holds.
 */
import type { Instant } from './instant.ts';
import type { Lsn } from './lsn.ts';
import type { LetterRetry } from './retry.ts';

export const unchanged: unique symbol = Symbol('unchanged');
export type Unchanged = typeof unchanged;

/** A varchar column as it arrives. */
export type TextColumn = string | null | Unchanged;

export type SourceTable = 'sessions' | 'human_turns' | 'agent_turns' | 'steps';

export const sourceTables: readonly SourceTable[] = [
  'sessions',
  'human_turns',
  'agent_turns',
  'steps',
];

export type SessionRow = {
  readonly uid: string;
  readonly accountUid: TextColumn;
  readonly title: TextColumn;
};

/** A row of human_turns or agent_turns; `prompt` is null for the latter. */
export type TurnRow = {
  readonly uid: string;
  readonly sessionUid: TextColumn;
  readonly parentUid: TextColumn;
  readonly activeChild: TextColumn;
  readonly prompt: TextColumn;
  readonly createdAt: Instant | null;
};

export type StepRow = {
  readonly agentTurnUid: string;
  readonly idx: number;
  readonly tpe: number | null;
  readonly content: TextColumn;
  readonly createdAt: Instant | null;
};

export type StepKey = { readonly agentTurnUid: string; readonly idx: number };

/** `read` is a row that a snapshot saw (Debezium's op r). */
export type Operation = 'create' | 'update' | 'delete' | 'read';

/**
 * A change of one row. `key` is the row's identity after the change (before it, for a delete);
 * `formerKey` is set when an UPDATE changed the identity: the row of that key is gone. `row` is
 * null for a delete.
 */
export type RowChange =
  | Change<'sessions', string, SessionRow>
  | Change<'human_turns', string, TurnRow>
  | Change<'agent_turns', string, TurnRow>
  | Change<'steps', StepKey, StepRow>;

type Change<Table extends SourceTable, Key, Row> = {
  readonly table: Table;
  readonly operation: Operation;
  readonly key: Key;
  readonly formerKey: Key | null;
  readonly row: Row | null;
};

/** Where a record comes from. Times are Instants; `committedAt` is the transaction's commit time. */
export type Origin = {
  readonly lsn: Lsn;
  readonly transactionId: number | null;
  readonly committedAt: Instant;
  readonly capturedAt: Instant;
};

/** A text of which the connector gave the first characters alone: it may have had more (row-limits.ts). */
export type CutText = { readonly row: string; readonly column: string; readonly chars: number };

/** Which part of a snapshot a record of op r is; null for a record of the stream. */
export type SnapshotMark = 'first' | 'inside' | 'last' | null;

/**
 * What the sequencer asks of an entity before it deletes it on behalf of a snapshot or a TRUNCATE:
 * that its LSN and its last sighting are still these. `leaves`: the LSN that the deletion leaves on it.
 * A TRUNCATE's own: the rows before it may be delivered again. After a snapshot the entity's: a
 * transaction that was open at the snapshot may bring the row with a lower LSN than the snapshot's.
 */
export type SweepExpectation = {
  readonly lsn: number;
  readonly seen: number;
  readonly leaves: number;
};

export type SourceRecord =
  | {
      readonly kind: 'row';
      readonly change: RowChange;
      readonly origin: Origin;
      readonly snapshot: SnapshotMark;
      /** Absent when nothing was cut, as a rule. */
      readonly cut?: readonly CutText[];
    }
  | { readonly kind: 'truncate'; readonly tables: readonly SourceTable[]; readonly origin: Origin }
  | { readonly kind: 'heartbeat'; readonly origin: Origin }
  /** A snapshot begins: what comes until its end is all that there is. */
  | { readonly kind: 'snapshot-begin' }
  /** It is complete, also when it found no row. */
  | { readonly kind: 'snapshot-end'; readonly endedAt: Instant }
  /** A record that the sequencer itself appended: deletes one entity if it is still as expected. */
  | {
      readonly kind: 'sweep';
      readonly change: RowChange;
      readonly expected: SweepExpectation;
      readonly origin: Origin;
    }
  /** Also the sequencer's own: everything that one sweep deletes is before this record. */
  | { readonly kind: 'sweep-end'; readonly sweepId: string }
  /** Somebody asks for a dead letter to be tried again or discarded (retry.ts). */
  | { readonly kind: 'retry'; readonly letter: LetterRetry }
  /** Understood and of no consequence (another message prefix, a transaction marker, …). */
  | { readonly kind: 'irrelevant'; readonly reason: string };
