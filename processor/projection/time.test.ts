import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at } from './facts.ts';
import { dayOf, hourOf, microsFrom, monthOf } from './time.ts';

describe('calendar parts', () => {
  it('are the floor, also before 1970', () => {
    const last = at('1969-12-31T23:59:59.999999Z');
    expect([dayOf(last), hourOf(last), monthOf(last)]).toEqual([-1, 23, 196_912]);
    expect([dayOf(0), hourOf(0), monthOf(0)]).toEqual([0, 0, 197_001]);
    const leap = at('2024-02-29T23:59:59.999999Z');
    expect([dayOf(leap), hourOf(leap), monthOf(leap)]).toEqual([19_782, 23, 202_402]);
  });

  it('are UTC, whatever the offset a time came with', () => {
    const instant = at('2024-11-23T00:30:00+01:00');
    expect([dayOf(instant), hourOf(instant)]).toEqual([dayOf(at('2024-11-22T00:00:00Z')), 23]);
  });

  it('are those of the ISO text, to the microsecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: -4e15, max: 4e15 }), (micros) => {
        const instant = micros / 1000;
        const iso = new Date(Math.floor(micros / 1000)).toISOString();
        expect(monthOf(instant)).toBe(Number(iso.slice(0, 4)) * 100 + Number(iso.slice(5, 7)));
        expect(hourOf(instant)).toBe(Number(iso.slice(11, 13)));
        expect(dayOf(instant)).toBe(Date.parse(`${iso.slice(0, 10)}T00:00:00Z`) / 86_400_000);
      }),
    );
  });
});

describe('an interval', () => {
  it('is whole microseconds, negative when it ends before it begins', () => {
    const [from, to] = [at('2024-11-22T10:00:00.000001Z'), at('2024-11-22T10:00:01Z')];
    expect(microsFrom(from, to)).toBe(999_999);
    expect(microsFrom(to, from)).toBe(-999_999);
  });

  it('is unknown when one of its ends is', () => {
    expect(microsFrom(null, 0)).toBeNull();
    expect(microsFrom(0, null)).toBeNull();
  });
});
