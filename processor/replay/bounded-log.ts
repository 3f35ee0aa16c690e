/**
 * A log that ends, in every partition, with the first watermark at or after what was asked for: a read
 * model as of the past (`--until`). Watermarks are broadcast, so it is the same one everywhere, and the
 * cut is exact: everything committed at or before its LSN is in it (I4), and nothing behind it.
 */
import type { Until } from '../engine/generations.ts';
import type { Checkpoint } from '../engine/store.ts';
import type { Watermark } from '../event/event.ts';
import type { FetchedBatch, Log } from '../kafka/log.ts';
import { consumedLog } from './consumed-log.ts';

export type Cut = Pick<Watermark, 'lsn' | 'committedAt'>;

export function isAtOrAfter(until: Until, { lsn, committedAt }: Cut): boolean {
  return 'lsn' in until ? lsn >= until.lsn : committedAt >= until.committedAtMs;
}

export type Bounds = {
  readonly until: Until;
  /** By partition, where the slowest of the readers stands; asked for at each assignment. */
  readonly reached: () => Promise<ReadonlyMap<number, Checkpoint>>;
  readonly watermarkOf: (value: Buffer) => Watermark | null;
};

export function boundedLog(log: Log, { until, reached, watermarkOf }: Bounds): Log {
  const ended = new Set<number>();
  let revoke: () => void = () => undefined;
  let revoked: Promise<void> = Promise.resolve();
  return consumedLog(log, (handlers) => ({
    async assigned(epoch, partitions) {
      // What is at the cut already would not meet its watermark again, and read on.
      ended.clear();
      revoked = new Promise((resolve) => {
        revoke = resolve;
      });
      for (const [partition, { watermark }] of await reached()) {
        if (watermark !== null && isAtOrAfter(until, watermark)) ended.add(partition);
      }
      return handlers.assigned(epoch, partitions);
    },
    revoked: (epoch) => {
      revoke();
      handlers.revoked(epoch);
    },
    async batch(epoch, partition, fetched) {
      // Held back, so that nothing more of the partition is fetched.
      if (ended.has(partition)) return revoked;
      const cut = cutOf(fetched, until, watermarkOf);
      if (cut !== fetched) ended.add(partition);
      await handlers.batch(epoch, partition, cut);
    },
  }));
}

/** The batch itself when the cut is not in it. */
function cutOf(
  fetched: FetchedBatch,
  until: Until,
  watermarkOf: Bounds['watermarkOf'],
): FetchedBatch {
  const at = fetched.records.findIndex(({ value }) => {
    const watermark = value === null ? null : watermarkOf(value);
    return watermark !== null && isAtOrAfter(until, watermark);
  });
  if (at < 0) return fetched;
  const records = fetched.records.slice(0, at + 1);
  return { records, endOffset: (records.at(-1)?.offset ?? -1) + 1 };
}
