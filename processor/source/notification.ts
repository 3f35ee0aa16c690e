/**
 * Debezium's notifications about a snapshot, which the connector writes into `changes` in order with
 * the rows. Only they tell of a snapshot that found no row at all: everything is gone, and no row
 * says so. Pure; its neighbour decode.ts reads everything else that Debezium writes.
 */
import type { SourceRecord } from './row-change.ts';

/** The part of a notification that we read. Time in ms since 1970. */
export type Notification = {
  readonly aggregate_type: string;
  readonly type: string;
  readonly timestamp?: number | null;
};

export function isNotification(value: unknown): value is Notification {
  if (typeof value !== 'object' || value === null) return false;
  const { aggregate_type, type } = value as Partial<Notification>;
  return typeof aggregate_type === 'string' && typeof type === 'string';
}

export function decodeNotification({
  aggregate_type,
  type,
  timestamp,
}: Notification): SourceRecord {
  if (aggregate_type === 'Initial Snapshot') {
    if (type === 'STARTED') return { kind: 'snapshot-begin' };
    if (type === 'COMPLETED') return { kind: 'snapshot-end', endedAt: timestamp ?? 0 };
  }
  return { kind: 'irrelevant', reason: `notification ${aggregate_type}: ${type}` };
}
