/** A sequencer's observer that reports to the metrics of processor/metrics/. */
import type { Health } from '../metrics/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SequencerObserver } from '../sequencer/observer.ts';

const reader = 'sequencer';

export function sequencerObserver(metrics: Metrics, health: Health): SequencerObserver {
  const { sequencerProgress: progress } = metrics;
  const sequencer = metrics.sequencer();
  const part = metrics.part('sequencer');
  const cache = metrics.cache('state');
  const hints = metrics.cache('hints');
  const deadLetters = metrics.deadLetters(reader);
  return {
    active: (active) => {
      // Who stands by has its place in the group too, and is ready to take over.
      health.enter('running');
      sequencer.active.set(active ? 1 : 0);
      if (active) part.rebalances.inc();
      else {
        progress.release(reader, 0);
        sequencer.parked({ steps: 0, oldestAt: null });
      }
    },
    held: (offset) => progress.hold(reader, 0, { offset, watermark: null }),
    advanced: (offset, watermark) => progress.advance(reader, 0, { offset, watermark }),
    ended: (endOffset) => progress.end(reader, 0, endOffset),
    record: (outcome) => {
      sequencer.changes[outcome].inc();
      if (outcome === 'dead-lettered') deadLetters.inc();
    },
    event: (type) => sequencer.events[type].inc(),
    batch: (records, seconds) => {
      part.batchRecords.observe(records);
      part.batchSeconds.observe(seconds);
    },
    lettersWaiting: (count) => progress.lettersWaiting(reader, 0, count),
    parked: (parked) => sequencer.parked(parked),
    cache: (containers, bytes) => {
      cache.entries.set(containers);
      cache.bytes.set(bytes);
    },
    hints: (turns) => hints.entries.set(turns),
    bytesInFlight: (bytes) => part.bytesInFlight.set(bytes),
    retried: (operation) => metrics.retries(operation).inc(),
  };
}
