import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microsBetween, parseInstant } from './instant.ts';

describe('parseInstant', () => {
  it('keeps microseconds as the fraction of a millisecond', () => {
    expect(parseInstant('2026-01-02T03:04:05.678901Z')).toBe(
      Date.UTC(2026, 0, 2, 3, 4, 5, 678) + 0.901,
    );
    expect(parseInstant('1969-12-31T23:59:59.999999Z')).toBe(-0.001);
  });

  it('reads what Debezium writes for years before 1 and after 9999, and with offsets', () => {
    expect(parseInstant('+10000-01-01T00:00:00.000000Z')).toBe(253_402_300_800_000);
    expect(parseInstant('-0043-03-15T00:00:00.000000Z')).toBe(-63_517_824_000_000);
    expect(parseInstant('2026-01-02T03:04:05+02:00')).toBe(Date.UTC(2026, 0, 2, 1, 4, 5));
  });

  it.each(['infinity', '-infinity', '', '2026-01-02', '2026-01-02T03:04:05.67890xZ'])(
    'answers undefined for %s',
    (text) => {
      expect(parseInstant(text)).toBeUndefined();
    },
  );

  it('answers the same for the usual form as for the same moment written in another', () => {
    const moments = fc.date({
      min: new Date('1600-01-01T00:00:00Z'),
      max: new Date('2400-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, fc.nat(999), (date, micros) => {
        const millis = date.toISOString().slice(0, -1);
        const fraction = String(micros).padStart(3, '0');
        expect(parseInstant(`${millis}${fraction}Z`)).toBe(parseInstant(`${millis}${fraction}+00`));
      }),
      { numRuns: 2000 },
    );
  });

  it('measures in whole microseconds', () => {
    const from = parseInstant('2026-01-02T03:04:05.678901Z') ?? 0;
    expect(microsBetween(from, from + 0.002)).toBe(2);
  });
});
