/**
 * How long work is told while it goes on, whatever the work is: bars on a terminal, a line every few
 * seconds in the log elsewhere. Nothing of it goes to stdout, which carries results alone. What a bar or
 * a line says is its caller's (replay-reporting.ts, verify-reporting.ts).
 */
import cliProgress, { type SingleBar } from 'cli-progress';
import { duration } from './lag-report.ts';

export type Bars = {
  /** A bar for each name, in the order in which they come; `ratio` from 0 to 1. */
  readonly show: (name: string, ratio: number, text: string) => void;
  readonly stop: () => void;
};

export function textBars(): Bars {
  const bars = new cliProgress.MultiBar({
    format: '{bar} {text}',
    hideCursor: true,
    clearOnComplete: false,
    barsize: 20,
  });
  const byName = new Map<string, SingleBar>();
  return {
    show: (name, ratio, text) => {
      const bar = byName.get(name) ?? bars.create(1, 0, { text });
      byName.set(name, bar);
      bar.update(ratio, { text });
    },
    stop: () => bars.stop(),
  };
}

/** True at first and then once in so long. */
export function onceIn(intervalMs: number, nowMs: () => number): () => boolean {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - toldAtMs < intervalMs) return false;
    toldAtMs = nowMs();
    return true;
  };
}

/** `42.0 %`; the last of it is for those who have it. */
export function percent(ratio: number, isDone: boolean): string {
  return `${(isDone ? 100 : Math.min(99.9, Math.floor(ratio * 1000) / 10)).toFixed(1)} %`;
}

export function timeLeft(etaMs: number | null): string {
  return etaMs === null ? 'nobody can tell how long yet' : `${duration(etaMs)} left`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
