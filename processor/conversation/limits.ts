/**
 * What bounds the fold, and the defaults. The segment's limits are the store's own (they follow from
 * its batch limits, so they cannot drift from them); the others are settings of the sequencer.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the store writes atomically, the container's position included (state-store.ts). */
export type SegmentLimits = {
  /** Of one batch, in bytes as `storedBytesMax` (row-size.ts) counts them. */
  readonly segmentBytesMax: number;
  /** Rows beside the position. */
  readonly segmentRowsMax: number;
  /** A longer text is stored apart and takes nothing of the batch. */
  readonly contentInlineBytesMax: number;
};

/**
 * How many rows at the end of a segment always share a batch with the position, however large they
 * are: the changed step or turn, the two families that it leaves and joins, the session. Whatever is
 * counted up from its former value is among them, so a segment that is cut before them can be folded
 * again from its beginning.
 */
export const segmentTailRows = 4;

/**
 * When a step changes that is not the last, its neighbours are read. A turn that has no more steps than
 * this is read whole: one read instead of two, and none for its other steps. Texts come along.
 */
export const turnStepsReadMax = 32;

export type FoldLimits = SegmentLimits & {
  /** A container above this forgets the steps that it has just read through. */
  readonly containerBytesMax: number;
  /** A large fan-out is cut into events of about this size; late ones of a huge one are larger. */
  readonly eventBytesTarget: number;
  /** Events above this are appended though their change is not folded to its end. */
  readonly pendingEventBytesMax: number;
};

/** How much larger the events of a huge fan-out may become than their target. */
export const lateEventGrowth = 16;

export const foldDefaults = {
  containerBytesMax: 4 * MIB,
  eventBytesTarget: 512 * KIB,
  pendingEventBytesMax: 16 * MIB,
} as const;

/** Of stores in memory. */
export const segmentDefaults: SegmentLimits = {
  segmentBytesMax: 30 * KIB,
  segmentRowsMax: 99,
  contentInlineBytesMax: 4 * KIB,
};
