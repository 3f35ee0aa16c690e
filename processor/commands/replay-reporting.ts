/**
 * How a replay is told while it runs: bars on a terminal, lines in the log elsewhere, and always the
 * metrics. What it says at the end is replay-report.ts.
 */
import cliProgress, { type SingleBar } from 'cli-progress';
import { generationName } from '../engine/generations.ts';
import type { Logger } from '../logger.ts';
import type { ReplayMetrics } from '../metrics/replay-metrics.ts';
import { phases, type ReplayProgress, type ReplayReporter } from '../replay/ports.ts';
import { duration } from './lag-report.ts';

export type ClosableReporter = ReplayReporter & { readonly close: () => void };

/** All of them, in the order given. */
export function together(reporters: readonly ClosableReporter[]): ClosableReporter {
  return {
    progress: (progress) => {
      for (const each of reporters) each.progress(progress);
    },
    close: () => {
      for (const each of reporters) each.close();
    },
  };
}

export function meteredReporter(metrics: (projection: string) => ReplayMetrics): ClosableReporter {
  return {
    progress: (all) => {
      for (const { projection, ratio, eventsPerSecond, phase } of all) {
        const own = metrics(projection);
        own.progressRatio.set(ratio);
        own.eventsPerSecond.set(eventsPerSecond);
        own.phase(phase, phases);
      }
    },
    close: () => undefined,
  };
}

export function loggedReporter(
  logger: Logger,
  { intervalMs, nowMs }: { readonly intervalMs: number; readonly nowMs: () => number },
): ClosableReporter {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return {
    progress: (all) => {
      if (nowMs() - toldAtMs < intervalMs) return;
      toldAtMs = nowMs();
      for (const each of all) {
        const { projection, phase, done, total } = each;
        logger.info({ projection, phase, done, total }, progressText(each));
      }
    },
    close: () => undefined,
  };
}

/** `cards_v1_g2: 42.0 % of 12,000 events, 9,000/s, 1.2 min left`. */
export function progressText(progress: ReplayProgress): string {
  const { generation, ratio, total, eventsPerSecond, etaMs, phase } = progress;
  const name = generationName(generation);
  if (phase === 'verifying' || phase === 'promoting') return `${name}: ${phase}`;
  // The last percent is for those who have it.
  const percent = phase === 'done' ? 100 : Math.min(99.9, Math.floor(ratio * 1000) / 10);
  const left = etaMs === null ? 'nobody can tell how long yet' : `${duration(etaMs)} left`;
  return `${name}: ${percent.toFixed(1)} % of ${count(total)} events, ${count(eventsPerSecond)}/s, ${left}`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function barReporter(): ClosableReporter {
  const format = '{bar} {text}';
  const bars = new cliProgress.MultiBar({
    format,
    hideCursor: true,
    clearOnComplete: false,
    barsize: 20,
  });
  const byName = new Map<string, SingleBar>();
  return {
    progress: (all) => {
      for (const each of all) {
        const text = progressText(each);
        const bar = byName.get(each.projection) ?? bars.create(1, 0, { text });
        byName.set(each.projection, bar);
        bar.update(each.ratio, { text });
      }
    },
    close: () => bars.stop(),
  };
}
