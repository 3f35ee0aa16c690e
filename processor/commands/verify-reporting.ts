/**
 * How a verification is told while it runs: a bar for each read model and one for the source on a
 * terminal, lines in the log elsewhere. Where something is read once more (what differs, what was in
 * flux) its bar begins anew and says so. What it says at the end is verify/report.ts.
 */
import type { Logger } from '../logger.ts';
import { PaceMeter } from '../replay/progress.ts';
import type { VerifyProgress } from '../verify/ports.ts';
import { type Bars, count, onceIn, percent, textBars, timeLeft } from './progress-telling.ts';

export type VerifyReporter = {
  readonly progress: (progress: VerifyProgress) => void;
  readonly close: () => void;
};

/** What is read of one thing in one pass. */
export type Reading = Pick<VerifyProgress, 'what' | 'pass' | 'share'> & {
  /** In this pass so far. */
  readonly rows: number;
  readonly rowsPerSecond: number;
  /** Until this reading is done; null while nobody can tell. */
  readonly etaMs: number | null;
};

const told: Readonly<Record<VerifyProgress['pass'], string>> = {
  comparing: '',
  'looking closer': ', looking closer at what differs',
  settling: ', again at what was changing',
};

/** `steps_by_type_day: 42.0 %, 9,000 rows, 3,000/s, 1.2 min left`. */
export function readingText({ what, pass, share, rows, rowsPerSecond, etaMs }: Reading): string {
  const isDone = share === 1;
  const far = share === null ? [] : [percent(share, isDone)];
  const left = isDone || share === null ? [] : [timeLeft(etaMs)];
  const words = [...far, `${count(rows)} rows`, `${count(rowsPerSecond)}/s`, ...left];
  return `${what}${told[pass]}: ${words.join(', ')}`;
}

export function verifyBars(nowMs: () => number, bars: Bars = textBars()): VerifyReporter {
  const readings = new Readings(nowMs);
  return {
    progress: (progress) => {
      const reading = readings.add(progress);
      if (reading !== null) bars.show(reading.what, reading.share ?? 0, readingText(reading));
    },
    close: () => bars.stop(),
  };
}

export function verifyLines(
  logger: Pick<Logger, 'info'>,
  { intervalMs, nowMs }: { readonly intervalMs: number; readonly nowMs: () => number },
): VerifyReporter {
  const readings = new Readings(nowMs);
  const isDue = onceIn(intervalMs, nowMs);
  return {
    progress: (progress) => {
      const reading = readings.add(progress);
      if (reading === null || !isDue()) return;
      const { what, pass, share, rows, rowsPerSecond } = reading;
      const fields = { reading: what, pass, share, rows, rowsPerSecond: Math.round(rowsPerSecond) };
      logger.info(fields, `verifying: ${readingText(reading)}`);
    },
    close: () => undefined,
  };
}

/** It is told of every session: more often than that nobody looks, and a meter would only grow. */
const lookMs = 100;

type Known = {
  readonly pass: VerifyProgress['pass'];
  rows: number;
  readonly rate: PaceMeter;
  readonly way: PaceMeter;
  seenAtMs: number;
};

/** Rows and shares go separate ways: both have a pace of the last seconds. */
class Readings {
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Null when it was told a moment ago, unless this is the end of it. */
  add({ what, pass, rows, share }: VerifyProgress): Reading | null {
    const atMs = this.#nowMs();
    const known = this.#of(what, pass, atMs);
    known.rows += rows;
    if (atMs - known.seenAtMs < lookMs && share !== 1) return null;
    known.seenAtMs = atMs;
    const { eventsPerSecond } = known.rate.see({ atMs, done: known.rows, total: known.rows });
    const { etaMs } = known.way.see({ atMs, done: share ?? 0, total: 1 });
    return { what, pass, share, rows: known.rows, rowsPerSecond: eventsPerSecond, etaMs };
  }

  #of(what: string, pass: VerifyProgress['pass'], atMs: number): Known {
    const found = this.#known.get(what);
    if (found?.pass === pass) return found;
    const [rate, way] = [new PaceMeter(), new PaceMeter()];
    rate.see({ atMs, done: 0, total: 0 });
    way.see({ atMs, done: 0, total: 1 });
    const begun = { pass, rows: 0, rate, way, seenAtMs: Number.NEGATIVE_INFINITY };
    this.#known.set(what, begun);
    return begun;
  }
}
