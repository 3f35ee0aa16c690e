/**
 * When a session starts: spread over the span before the end of the simulated time, 3.6 times as
 * many at the busiest hour (14:00 UTC) as at the quietest. Pure.
 */
import type { Random } from './random.ts';
import type { Micros } from './rows.ts';
import type { ShapeSettings } from './settings.ts';

const microsPerHour = 3_600_000_000;
const busiestHour = 14;
/** (1 + swing) / (1 − swing) = 3.6 */
const swing = 2.6 / 4.6;

/** Later for a higher number, but for those that would end after the end: these end with it. */
export function startOf(
  random: Random,
  settings: ShapeSettings,
  number: number,
  duration: Micros,
): Micros {
  const end = settings.endAtMs * 1000;
  const place = (number - settings.firstSession + random.next()) / Math.max(1, settings.sessions);
  const start = end - settings.spanHours * microsPerHour;
  const fromHours = start / microsPerHour;
  const hours = hoursAt(fromHours, settings.spanHours, Math.min(1, Math.max(0, place)));
  return Math.floor(Math.min(start + hours * microsPerHour, end - duration));
}

/** The hours after `from` by which the share `place` of the span's load has come (bisection). */
function hoursAt(from: number, span: number, place: number): number {
  const wanted = place * load(from, span);
  let low = 0;
  let high = span;
  while (high - low > 1e-7) {
    const middle = (low + high) / 2;
    if (load(from, middle) < wanted) low = middle;
    else high = middle;
  }
  return low;
}

/** The integral of 1 + swing × cos(2π (hour − busiest) / 24) over `hours` from `from` on. */
function load(from: number, hours: number): number {
  const angle = (hour: number) => (2 * Math.PI * (hour - busiestHour)) / 24;
  const wave = Math.sin(angle(from + hours)) - Math.sin(angle(from));
  return hours + (swing * 24 * wave) / (2 * Math.PI);
}
