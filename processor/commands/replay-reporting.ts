/**
 * How a replay is told while it runs: bars on a terminal, lines in the log elsewhere, and always the
 * metrics. What it says at the end is replay-report.ts.
 */
import { generationName } from '../engine/generations.ts';
import type { Logger } from '../logger.ts';
import type { ReplayMetrics } from '../metrics/replay-metrics.ts';
import { phases, type ReplayProgress, type ReplayReporter } from '../replay/ports.ts';
import { type Bars, count, onceIn, percent, textBars, timeLeft } from './progress-telling.ts';

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
  const isDue = onceIn(intervalMs, nowMs);
  return {
    progress: (all) => {
      if (!isDue()) return;
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
  const far = percent(ratio, phase === 'done');
  return `${name}: ${far} of ${count(total)} events, ${count(eventsPerSecond)}/s, ${timeLeft(etaMs)}`;
}

export function barReporter(bars: Bars = textBars()): ClosableReporter {
  return {
    progress: (all) => {
      for (const each of all) bars.show(each.projection, each.ratio, progressText(each));
    },
    close: () => bars.stop(),
  };
}
