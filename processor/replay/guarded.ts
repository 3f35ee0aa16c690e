/**
 * The stores of a replay as long as it may write: after a signal (a lost lease) nothing more goes out.
 * What was on its way may still arrive; it carries its position and does no harm (I6).
 */
import type { DeadLetterStore } from '../engine/dead-letter-store.ts';
import type { CheckpointStore, ReadModelStore } from '../engine/store.ts';

export type Stores = {
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly letters: DeadLetterStore;
};

/** Writes reject with the signal's reason once it is aborted. */
export function guarded({ store, checkpoints, letters }: Stores, signal: AbortSignal): Stores {
  const unlessAborted = async <T>(write: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    return await write();
  };
  return {
    store: {
      ensure: (models) => unlessAborted(() => store.ensure(models)),
      writeRows: (model, writes) => unlessAborted(() => store.writeRows(model, writes)),
      writeTotals: (model, writes) => unlessAborted(() => store.writeTotals(model, writes)),
      loadTotals: (model, shard, keys) => store.loadTotals(model, shard, keys),
    },
    checkpoints: {
      load: (model) => checkpoints.load(model),
      save: (model, partition, checkpoint) =>
        unlessAborted(() => checkpoints.save(model, partition, checkpoint)),
    },
    letters: {
      add: (origin, rows) => unlessAborted(() => letters.add(origin, rows)),
      decide: (origin, offset, decision) =>
        unlessAborted(() => letters.decide(origin, offset, decision)),
      read: (origin, offset) => letters.read(origin, offset),
      pages: (origin) => letters.pages(origin),
    },
  };
}
