/** The metrics of a replay: how far it is, how fast, and in which phase. */
import type { Declare, Level } from './declare.ts';

export type ReplayMetrics = {
  readonly progressRatio: Level;
  readonly eventsPerSecond: Level;
  /** Which of all phases it is in. */
  readonly phase: (current: string, all: readonly string[]) => void;
};

export function replayMetrics(declare: Declare) {
  const ratio = declare.gauge('turnstream_replay_progress_ratio');
  const rate = declare.gauge('turnstream_replay_events_per_second');
  const phase = declare.gauge('turnstream_replay_phase');
  return (projection: string): ReplayMetrics => ({
    progressRatio: ratio.labels(projection),
    eventsPerSecond: rate.labels(projection),
    phase: (current, all) => {
      for (const each of all) phase.labels(projection, each).set(each === current ? 1 : 0);
    },
  });
}
