/**
 * Guards the base of positions at the start of a sequencer (DESIGN 3.2). A group without an offset
 * reads `changes` from its beginning, so under the lowest positions of the base. When read models are
 * beyond those already, the topic was created again and the base was not raised: every event would
 * be dropped by its readers as one that they have, and every row hidden under older ones. Pure.
 */
import { TurnstreamError } from '../error.ts';
import { ordinalsPerRecord, positionOf } from '../source/position.ts';

export type Beginning = {
  /** The sequencer group's committed offset; null when there is none. */
  readonly committed: number | null;
  /** The offset that the next record of `changes` will have. */
  readonly endOffset: number;
  /** The highest position that a read model has reached; below 0 when none has. */
  readonly reached: number;
  readonly changesTopic: string;
  readonly group: string;
  readonly positionBase: number;
  readonly batchRecordsMax: number;
};

/** Batches that may be published before the first offset is committed: the state of one is behind. */
const batchesAhead = 2;

/** A round number of positions: so many leave room for 976 million records of a former topic. */
const baseStep = 1e12;

/** Throws CONFIGURATION, with the base to set. */
export function checkPositionBase(beginning: Beginning): void {
  const { committed, endOffset, reached, positionBase, batchRecordsMax } = beginning;
  if (committed !== null) return;
  const offsetsMax = Math.min(endOffset, batchesAhead * batchRecordsMax);
  if (reached < positionOf(positionBase, offsetsMax)) return;
  const { changesTopic, group } = beginning;
  const base = (Math.floor(reached / baseStep) + 1) * baseStep;
  const offset = Math.floor((reached - positionBase) / ordinalsPerRecord);
  throw new TurnstreamError(
    'CONFIGURATION',
    `Group ${group} has no offset in ${changesTopic}, so it would begin at position ${positionBase}; but read models ` +
      `have reached position ${reached} already, and would take nothing below it. If ${changesTopic} was created ` +
      `again, set TURNSTREAM_POSITION_BASE=${base} for every sequencer and take a new snapshot (docs/operating.md). ` +
      `If only the group's offsets are gone, set its offset to ${offset}.`,
  );
}
