import { describe, expect, it } from 'vitest';
import type { Lsn } from './lsn.ts';
import { decodeSweep, encodeSweep, isSweep, type SweepRecord } from './sweep.ts';

const origin = { lsn: 5 as Lsn, transactionId: null, committedAt: 1.5, capturedAt: 2 };
const expected = { lsn: 3, seen: 4096, leaves: 5 };

const records: readonly SweepRecord[] = [
  { kind: 'sweep-end', sweepId: 'sweep 1' },
  {
    kind: 'sweep',
    change: {
      table: 'sessions',
      operation: 'delete',
      key: '\u{1F600}"',
      formerKey: null,
      row: null,
    },
    expected,
    origin,
  },
  {
    kind: 'sweep',
    change: {
      table: 'steps',
      operation: 'delete',
      key: { agentTurnUid: 't', idx: -1 },
      formerKey: null,
      row: null,
    },
    expected,
    origin,
  },
];

describe('a sweep record', () => {
  it.each(records)('decodes to what was encoded: $kind', (record) => {
    const value = encodeSweep(record);
    expect(isSweep(value)).toBe(true);
    expect(decodeSweep(value)).toEqual(record);
  });

  it('is told from a record of Debezium by its first byte', () => {
    expect(isSweep(Buffer.from([0, 0, 0, 0, 1]))).toBe(false);
    expect(isSweep(Buffer.alloc(0))).toBe(false);
  });

  it.each([
    '{',
    '{}',
    '{"kind":"sweep-end"}',
    '{"kind":"sweep","change":{"table":"steps","operation":"delete","key":"t","formerKey":null,"row":null},"expected":{"lsn":1,"seen":1},"origin":{"lsn":1,"committedAt":1,"capturedAt":1}}',
    '{"kind":"sweep","change":{"table":"sessions","operation":"update","key":"s","formerKey":null,"row":null},"expected":{"lsn":1,"seen":1},"origin":{"lsn":1,"committedAt":1,"capturedAt":1}}',
  ])('is refused with DECODE when it is none: %s', (text) => {
    expect(() => decodeSweep(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });
});
