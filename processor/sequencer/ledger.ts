/**
 * What the sequencer must remember between batches beside the containers: it travels as the
 * metadata of the committed raw offset, so it is exactly as old as that offset. Pure.
 */
import { TurnstreamError } from '../error.ts';
import type { OffsetCommit } from '../kafka/log.ts';
import type { Instant } from '../source/instant.ts';
import type { Lsn } from '../source/lsn.ts';
import { type Origin, type SourceTable, sourceTables } from '../source/row-change.ts';
import type { ParkedBucket } from './parked.ts';

export type Ledger = {
  /** The setting under which the offset was committed: another one is of another `changes`. */
  readonly positionBase: number | null;
  /**
   * The highest LSN of all records before the offset: a change above it is new, others may be
   * redelivered. Null when that is not known (the group's offsets were lost, or `changes` is a new
   * topic): then nothing counts as new until a heartbeat has come.
   */
  readonly highestLsn: Lsn | null;
  /** Position of the first record of the snapshot that is being read; null outside of one. */
  readonly snapshotFrom: number | null;
  /** The LSN that all rows of that snapshot carry: another one is another snapshot. Null before its first row. */
  readonly snapshotLsn: Lsn | null;
  /** Whether there may be entities that the snapshot does not see: some change came before it. */
  readonly snapshotSweeps: boolean;
  /**
   * By table: position of the last TRUNCATE, or of the beginning of the last snapshot that was read to
   * its end. Whatever came before it is overtaken, and is not to be repeated (dead-letter.ts).
   */
  readonly covered: Readonly<Partial<Record<SourceTable, number>>>;
  /** The last sweep whose end has not come round: until then no watermark is true (I4). */
  readonly pendingSweep: string | null;
  readonly watermark: { readonly lsn: Lsn; readonly committedAtMs: number } | null;
  /** A row's record came since that watermark, whatever became of it: who reads it again decides the same. */
  readonly changed: boolean;
  /** Steps parked, as counted since the beginning (parked.ts). */
  readonly parked: readonly ParkedBucket[];
};

export const firstLedger: Ledger = {
  positionBase: null,
  highestLsn: 0 as Lsn,
  snapshotFrom: null,
  snapshotLsn: null,
  snapshotSweeps: false,
  covered: {},
  pendingSweep: null,
  watermark: null,
  changed: false,
  parked: [],
};

export function encodeLedger(ledger: Ledger): string {
  return JSON.stringify(ledger);
}

/** Where a tenure begins. Throws CONFIGURATION when the base of positions is not the offset's. */
export function ledgerOf(committed: OffsetCommit | null, positionBase: number): Ledger {
  const ledger = decodeLedger(committed?.metadata, committed === null && positionBase === 0);
  const former = ledger.positionBase ?? positionBase;
  if (former === positionBase) return { ...ledger, positionBase };
  throw new TurnstreamError(
    'CONFIGURATION',
    `TURNSTREAM_POSITION_BASE is ${positionBase}, and the sequencer group's offset ${committed?.offset} was ` +
      `committed under ${former}. ` +
      (former < positionBase
        ? 'If turnstream.changes was created again, delete the offsets of the group: they are of the former topic. If it was not, set the base back: its records have their positions already.'
        : 'It may never be lowered: what is written under lower positions stays hidden. Set it back.'),
  );
}

/** From the committed offset's metadata; `fresh` says that there is nothing before the offset. */
export function decodeLedger(metadata: string | undefined, fresh: boolean): Ledger {
  if (metadata === undefined || metadata === '') {
    return fresh ? firstLedger : { ...firstLedger, highestLsn: null };
  }
  try {
    return { ...firstLedger, ...(JSON.parse(metadata) as Partial<Ledger>) };
  } catch (cause) {
    throw new TurnstreamError(
      'LOG',
      `The sequencer group's committed offset carries metadata that is not the sequencer's: ` +
        `${metadata.slice(0, 80)}. Does another program commit to the same group?`,
      { cause },
    );
  }
}

/** A row's record has come. */
export function withChange(ledger: Ledger): Ledger {
  return ledger.changed ? ledger : { ...ledger, changed: true };
}

/** A snapshot begins at the position; of an `lsn` that is not known yet when no row says so. */
export function withSnapshot(ledger: Ledger, snapshotFrom: number, lsn: Lsn | null): Ledger {
  return {
    ...ledger,
    snapshotFrom,
    snapshotLsn: lsn,
    snapshotSweeps: ledger.highestLsn !== 0,
  };
}

/**
 * A row that a snapshot read. A snapshot of which nobody was told begins with its first row, whatever
 * its mark: only the first row of the first table has one, and that table may be empty. One that was
 * cut off is never ended: another LSN is another one.
 */
export function withSnapshotRow(ledger: Ledger, position: number, lsn: Lsn): Ledger {
  const { snapshotFrom, snapshotLsn } = ledger;
  if (snapshotFrom !== null && snapshotLsn === null) return { ...ledger, snapshotLsn: lsn };
  if (snapshotFrom !== null && snapshotLsn === lsn) return ledger;
  return withSnapshot(ledger, position, lsn);
}

export function withoutSnapshot(ledger: Ledger): Ledger {
  const { snapshotFrom } = ledger;
  const ended = { ...ledger, snapshotFrom: null, snapshotLsn: null, snapshotSweeps: false };
  return snapshotFrom === null ? ended : withCovered(ended, sourceTables, snapshotFrom);
}

/** Nothing of these tables that came before the position holds any more. */
export function withCovered(
  ledger: Ledger,
  tables: readonly SourceTable[],
  position: number,
): Ledger {
  const covered = { ...ledger.covered };
  for (const table of tables) covered[table] = Math.max(covered[table] ?? 0, position);
  return { ...ledger, covered };
}

/** Below which position what was said of the table is overtaken. */
export function coveredUpTo({ covered, snapshotFrom }: Ledger, table: SourceTable): number {
  return Math.max(covered[table] ?? 0, snapshotFrom ?? 0);
}

/** Of what follows from a snapshot that says no more than that it has ended. */
export function originOfEnd({ snapshotLsn, highestLsn }: Ledger, endedAt: Instant): Origin {
  const lsn = snapshotLsn ?? highestLsn ?? (0 as Lsn);
  return { lsn, transactionId: null, committedAt: endedAt, capturedAt: endedAt };
}

export function isNewLsn(ledger: Ledger, lsn: Lsn): boolean {
  return ledger.highestLsn !== null && lsn > ledger.highestLsn;
}

export function withLsn(ledger: Ledger, lsn: Lsn, isHeartbeat: boolean): Ledger {
  const { highestLsn } = ledger;
  if (highestLsn === null) return isHeartbeat ? { ...ledger, highestLsn: lsn } : ledger;
  return lsn > highestLsn ? { ...ledger, highestLsn: lsn } : ledger;
}
