/** What the processes tell of themselves and are handed, passed on to the checks. */
import type { WorkerObserver } from '../../processor/engine/observer.ts';
import { silentObserver as silentWorker } from '../../processor/engine/observer.ts';
import type { Log } from '../../processor/kafka/log.ts';
import type { SequencerObserver } from '../../processor/sequencer/observer.ts';
import { silentObserver as silentSequencer } from '../../processor/sequencer/observer.ts';
import { sequencerGroup } from './knobs.ts';
import type { Process } from './process.ts';
import { mendableNames } from './projections.ts';
import type { Watch } from './watch.ts';

const outcomes = {
  retried: 'the retry of a dead letter took it',
  failed: 'the retry of a dead letter failed',
  discarded: 'a dead letter was discarded',
} as const;

export type Count = (name: string) => void;

export function watchSequencer(process: Process, watch: Watch, count: Count): SequencerObserver {
  const { name } = process;
  let containers = 0;
  return {
    ...silentSequencer,
    held: (offset) => watch.sequencer.held(name, offset),
    record: (outcome) => {
      count(`sequencer: a record was ${outcome}`);
      watch.sequencer.recordOutcome(name, outcome);
    },
    event: (type) => count(`event: ${type}`),
    batch: (records) => watch.limits.sequencerBatch(name, records),
    cache: (held, bytes) => {
      if (held < containers) count('sequencer: a container was evicted');
      containers = held;
      watch.limits.cache(name, held, bytes);
    },
    hints: (turns) => watch.limits.hints(name, turns),
    bytesInFlight: (bytes) => watch.limits.bytesInFlight('sequencer', name, bytes),
    retried: (operation) => count(`sequencer: tried again to ${operation}`),
  };
}

export function watchWorker(process: Process, watch: Watch, count: Count): WorkerObserver {
  const { name } = process;
  return {
    ...silentWorker,
    applied: ({ projection, partition, rows, reached }) => {
      if (mendableNames.includes(projection)) return;
      watch.checkpoints.exposed(projection, partition, reached);
      watch.limits.rowsOfBatch(name, projection, rows.upserts + rows.deletes + rows.totals);
    },
    finished: ({ records }) => watch.limits.workerBatch(name, records),
    letterRetried: (_, outcome) => count(`worker: ${outcomes[outcome]}`),
    deadLettered: () => count('worker: an event was dead-lettered'),
    bytesInFlight: (bytes) => watch.limits.bytesInFlight('worker', name, bytes),
    totalsRead: (hits, misses) => {
      if (hits > 0) count('worker: totals from the cache');
      if (misses > 0) count('worker: totals from the database');
    },
    totalsCached: (partition, entries) => watch.limits.totalsCached(name, partition, entries),
    retried: (operation) => count(`worker: tried again to ${operation}`),
  };
}

/** The log, with what a process is handed of it looked at. */
export function watchedLog(log: Log, process: Process, watch: Watch): Log {
  return {
    ...log,
    consumer: async (group, topic) => {
      const consumer = await log.consumer(group, topic);
      return {
        run: (handlers) =>
          consumer.run({
            assigned: (epoch, partitions) => handlers.assigned(epoch, partitions),
            revoked: (epoch) => handlers.revoked(epoch),
            batch: (epoch, partition, batch) => {
              watch.limits.fetched(process.name, batch.records);
              if (group === sequencerGroup) {
                watch.sequencer.took(process.name, batch.records.length);
              }
              return handlers.batch(epoch, partition, batch);
            },
          }),
        commit: (epoch, offsets) => consumer.commit(epoch, offsets),
        restart: () => consumer.restart(),
        stop: () => consumer.stop(),
      };
    },
  };
}
