/**
 * A log that hands over so many records a second at most, all partitions together, so that live work
 * keeps its pace. The engine knows nothing of it: a batch that is held back is back-pressure.
 */
import type { Clock } from '../engine/clock.ts';
import type { FetchedBatch, Log } from '../kafka/log.ts';
import { consumedLog } from './consumed-log.ts';

/** Records are let through in parts of this time's worth, so that the pace is even. */
const partMs = 200;

export function throttledLog(
  log: Log,
  { recordsPerSecondMax, clock }: { readonly recordsPerSecondMax: number; readonly clock: Clock },
): Log {
  const partRecordsMax = Math.max(1, Math.floor((recordsPerSecondMax * partMs) / 1000));
  /** When the next record may pass. Time that nobody used is not saved up. */
  let freeAtMs = 0;
  return consumedLog(log, (handlers) => {
    const ended = new Map<number, AbortController>();
    const signalOf = (epoch: number) => {
      const known = ended.get(epoch) ?? new AbortController();
      ended.set(epoch, known);
      return known.signal;
    };
    return {
      assigned: (epoch, partitions) => handlers.assigned(epoch, partitions),
      revoked: (epoch) => {
        ended.get(epoch)?.abort();
        ended.delete(epoch);
        handlers.revoked(epoch);
      },
      async batch(epoch, partition, fetched) {
        const signal = signalOf(epoch);
        for (const part of partsOf(fetched, partRecordsMax)) {
          const nowMs = clock.nowMs();
          const startMs = Math.max(nowMs, freeAtMs);
          freeAtMs = startMs + (part.records.length * 1000) / recordsPerSecondMax;
          if (startMs > nowMs) await clock.delay(startMs - nowMs, signal);
          if (signal.aborted) return;
          await handlers.batch(epoch, partition, part);
        }
      },
    };
  });
}

function partsOf({ records, endOffset }: FetchedBatch, recordsMax: number): FetchedBatch[] {
  const parts: FetchedBatch[] = [];
  for (let start = 0; start < records.length; start += recordsMax) {
    parts.push({ records: records.slice(start, start + recordsMax), endOffset });
  }
  return parts;
}
