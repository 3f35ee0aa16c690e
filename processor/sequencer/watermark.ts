/**
 * Watermarks (I4): "every transaction committed at or before this LSN is in this partition before
 * this record". Debezium delivers transactions in the order of their commits, so a heartbeat that
 * comes round proves it for its own LSN, unless deletions are still on their way (a sweep).
 * Broadcast at the first heartbeat after a change, and seldom when idle: the store keeps them for
 * ever. What is due depends on the records alone, not on the clock nor on what became of them: whoever
 * folds them again after a crash, beside state that is ahead, promises the same.
 */
import type { Watermark } from '../event/event.ts';
import type { Position } from '../source/position.ts';
import type { Origin } from '../source/row-change.ts';
import type { Ledger } from './ledger.ts';

export function isDue(ledger: Ledger, heartbeat: Origin, idleWatermarkMs: number): boolean {
  if (ledger.pendingSweep !== null || ledger.snapshotFrom !== null) return false;
  const { watermark, changed } = ledger;
  if (watermark === null) return true;
  if (heartbeat.lsn <= watermark.lsn) return false;
  return changed || heartbeat.committedAt - watermark.committedAtMs >= idleWatermarkMs;
}

export function watermarkOf(position: Position, origin: Origin): Watermark {
  const { lsn, committedAt, capturedAt } = origin;
  return { kind: 'watermark', position, lsn, committedAt, capturedAt };
}
