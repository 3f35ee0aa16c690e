/** What a sequencer asks of Kafka and of the read models' checkpoints before it begins. */
import { projections } from '../../projections/index.ts';
import type { CheckpointStore } from '../engine/store.ts';
import type { Log } from '../kafka/log.ts';
import { checkPositionBase } from '../sequencer/position-base.ts';
import type { SequencerSettings } from '../sequencer/settings.ts';
import { firstGeneration } from './select-projections.ts';

/** Throws CONFIGURATION when the base of positions cannot be right. */
export async function checkBeginning(
  log: Log,
  checkpoints: CheckpointStore,
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
    const reached = await highestPosition(checkpoints);
    const rest = { changesTopic, group, positionBase, batchRecordsMax };
    checkPositionBase({ committed, endOffset, reached, ...rest });
  } finally {
    await admin.close();
  }
}

/** Below 0 when no read model has a checkpoint. */
async function highestPosition(checkpoints: CheckpointStore): Promise<number> {
  let highest = -1;
  for (const { shape } of projections) {
    const marks = await checkpoints.load({ shape, generation: firstGeneration });
    for (const { position } of marks.values()) highest = Math.max(highest, position);
  }
  return highest;
}
