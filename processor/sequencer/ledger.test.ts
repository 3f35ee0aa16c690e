import { describe, expect, test } from 'vitest';
import type { Lsn } from '../source/lsn.ts';
import { encodeLedger, firstLedger, ledgerOf } from './ledger.ts';

const committedUnder = (positionBase: number | null) => ({
  offset: 7,
  metadata: encodeLedger({ ...firstLedger, positionBase, highestLsn: 5 as Lsn }),
});

describe('the base of positions', () => {
  test('is kept with the offset, and the same one goes on', () => {
    expect(ledgerOf(committedUnder(1024), 1024)).toMatchObject({ highestLsn: 5 });
    expect(ledgerOf(null, 1024)).toMatchObject({ positionBase: 1024, highestLsn: null });
    expect(ledgerOf(null, 0)).toMatchObject({ positionBase: 0, highestLsn: 0 });
    // Committed before it was kept.
    expect(ledgerOf(committedUnder(null), 1024)).toMatchObject({ positionBase: 1024 });
  });

  test('that was raised beside an offset of the former topic is refused', () => {
    expect(() => ledgerOf(committedUnder(0), 1024)).toThrow(/is 1024.*offset 7.*under 0.*delete/);
  });

  test('that was lowered is refused', () => {
    expect(() => ledgerOf(committedUnder(1024), 0)).toThrow(/never be lowered/);
  });
});
