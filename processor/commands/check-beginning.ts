/** What a sequencer asks of Kafka and of the read models' checkpoints before it begins. */
import { projections } from '../../projections/index.ts';
import { type GenerationStore, isSameGeneration } from '../engine/generations.ts';
import type { CheckpointStore } from '../engine/store.ts';
import type { Log } from '../kafka/log.ts';
import { checkPositionBase } from '../sequencer/position-base.ts';
import type { SequencerSettings } from '../sequencer/settings.ts';
import { firstBuild } from './live-builds.ts';

/** What knows how far read models have come. */
export type ReachedStores = {
  readonly checkpoints: Pick<CheckpointStore, 'load'>;
  readonly generations: Pick<GenerationStore, 'list'>;
};

/** Throws CONFIGURATION when the base of positions cannot be right. */
export async function checkBeginning(
  log: Log,
  stores: ReachedStores,
  settings: SequencerSettings,
): Promise<void> {
  const { changesTopic, group, positionBase, batchRecordsMax } = settings;
  const admin = await log.admin();
  try {
    // A topic that is not there is told by the sequencer itself.
    if ((await admin.partitionCount(changesTopic)) === undefined) return;
    const [committed = null] = await admin.committedOffsets(group, changesTopic);
    if (committed !== null) return;
    const [endOffset = 0] = await admin.endOffsets(changesTopic);
    const reached = await highestPosition(stores);
    const rest = { changesTopic, group, positionBase, batchRecordsMax };
    checkPositionBase({ committed, endOffset, reached, ...rest });
  } finally {
    await admin.close();
  }
}

/** Of every generation that there is; below 0 when no read model has a checkpoint. */
async function highestPosition({ checkpoints, generations }: ReachedStores): Promise<number> {
  let highest = -1;
  for (const projection of projections) {
    const known = await generations.list(projection.name);
    // One from before there were generations is not listed until a worker has started.
    const first = firstBuild(projection).id;
    const all = known.some((id) => isSameGeneration(id, first)) ? known : [...known, first];
    for (const { version, generation } of all) {
      const shape = { ...projection.shape, version };
      const marks = await checkpoints.load({ shape, generation });
      for (const { position } of marks.values()) highest = Math.max(highest, position);
    }
  }
  return highest;
}
