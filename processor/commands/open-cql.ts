/** The CQL database, from the settings. */
import type { Config } from '../config.ts';
import type { CheckpointStore, ReadModelStore } from '../engine/store.ts';
import { TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';

export type OpenStores = {
  readonly readModels: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  close(): Promise<void>;
};

export async function openStores(_config: Config, _log: Logger): Promise<OpenStores> {
  throw new TurnstreamError('STORE', 'The CQL database is not wired into the command line yet.');
}
