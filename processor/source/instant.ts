/**
 * A moment: milliseconds since 1970 in UTC, whose fraction holds the microseconds of a Postgres
 * timestamptz. Exact to the microsecond for the years 1684 to 2255 (2^53 µs from 1970); outside of
 * them the fraction is dropped and the millisecond is exact. `Math.floor` gives the CQL timestamp.
 */

export type Instant = number;

const microsExactWithinMs = 2 ** 53 / 1000;

const pattern =
  /^([+-]?\d{4,6}|-?\d{1,3})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)$/;

/** Parses an ISO-8601 date-time with offset; undefined when it is none (`infinity`, say). */
export function parseInstant(text: string): Instant | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second ?? 0), 0);
  const offsetMinutes = zone === undefined || zone === 'Z' ? 0 : minutesOf(zone);
  const seconds = date.getTime() - offsetMinutes * 60_000;
  if (!Number.isFinite(seconds)) return undefined;
  const micros = Number((fraction ?? '').padEnd(6, '0').slice(0, 6));
  const whole = seconds + Math.floor(micros / 1000);
  if (Math.abs(whole) >= microsExactWithinMs) return whole;
  return (seconds * 1000 + micros) / 1000;
}

function minutesOf(zone: string): number {
  const sign = zone.startsWith('-') ? -1 : 1;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  return sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4)));
}

/** Whole microseconds from one moment to another; negative when `to` is the earlier one. */
export function microsBetween(from: Instant, to: Instant): number {
  return Math.round((to - from) * 1000);
}
