/**
 * Calendar parts of an Instant for keys: always UTC, always the floor, so that the last microsecond
 * before 1970 is in the day, hour and month before it. Same as Postgres' `AT TIME ZONE 'UTC'`.
 */
import { microsBetween, type Instant as SourceInstant } from '../source/instant.ts';

/** Milliseconds since 1970 in UTC, whose fraction holds the microseconds. */
export type Instant = SourceInstant;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The UTC day, in days since 1970-01-01: a `date` cell. */
export function dayOf(instant: Instant): number {
  return Math.floor(instant / dayMs);
}

/** The UTC hour of the day, 0 to 23. */
export function hourOf(instant: Instant): number {
  return Math.floor((instant - dayOf(instant) * dayMs) / hourMs);
}

/** The UTC month as year × 100 + month: 202411. The year before 1 is 0, as in ISO 8601. */
export function monthOf(instant: Instant): number {
  const date = new Date(Math.floor(instant));
  return date.getUTCFullYear() * 100 + date.getUTCMonth() + 1;
}

/** Whole microseconds from one Instant to another, negative when `to` is earlier; null when either is unknown. */
export function microsFrom(from: Instant | null, to: Instant | null): number | null {
  return from === null || to === null ? null : microsBetween(from, to);
}
