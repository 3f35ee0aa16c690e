/**
 * The records that the sequencer itself appends to `changes` (DESIGN 3.2, snapshots): one delete
 * for each entity that a complete snapshot did not see, then one that ends the sweep. JSON, so
 * that a value of ours begins with `{` where Debezium's begins with the magic byte 0.
 */
import { TurnstreamError } from '../error.ts';
import { type RowChange, type SourceRecord, sourceTables } from './row-change.ts';

export type SweepRecord = Extract<SourceRecord, { kind: 'sweep' | 'sweep-end' }>;

const openingBrace = 0x7b;

export function isSweep(value: Buffer): boolean {
  return value[0] === openingBrace;
}

/** The change of a sweep is a delete: it has no row. */
export function encodeSweep(record: SweepRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** Throws DECODE for a value that encodeSweep did not make. */
export function decodeSweep(value: Buffer): SweepRecord {
  let record: unknown;
  let cause: unknown;
  try {
    record = JSON.parse(value.toString('utf8'));
  } catch (error) {
    cause = error;
  }
  if (isSweepRecord(record)) return record;
  throw new TurnstreamError('DECODE', 'A record that begins with "{" is no sweep record.', {
    cause,
  });
}

function isSweepRecord(value: unknown): value is SweepRecord {
  if (!isObject(value)) return false;
  if (value['kind'] === 'sweep-end') return typeof value['sweepId'] === 'string';
  return (
    value['kind'] === 'sweep' &&
    isDelete(value['change']) &&
    hasNumbers(value['expected'], ['lsn', 'seen', 'leaves']) &&
    hasNumbers(value['origin'], ['lsn', 'committedAt', 'capturedAt'])
  );
}

function isDelete(value: unknown): value is RowChange {
  if (!isObject(value) || value['operation'] !== 'delete') return false;
  if (value['row'] !== null || value['formerKey'] !== null) return false;
  const { table, key } = value;
  if (table === 'steps') {
    return isObject(key) && typeof key['agentTurnUid'] === 'string' && hasNumbers(key, ['idx']);
  }
  return sourceTables.some((name) => name === table) && typeof key === 'string';
}

function hasNumbers(value: unknown, names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof value[name] === 'number');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
