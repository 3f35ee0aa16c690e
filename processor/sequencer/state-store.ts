/**
 * The sequencer's port to its durable state (DESIGN 3.2): containers of rows, hints, and nothing
 * else. CQL implements it (processor/cql/), a memory form runs the same contract suite.
 *
 * A container is one CQL partition: a session's (`s:<uid>`) or that of an unknown agent turn
 * (`t:<uid>`, its parked steps). What is stored of it is always the exact fold of a prefix of its
 * changes, up to `position`, a static column.
 */
import type { SegmentLimits } from '../conversation/limits.ts';

export type StateRowKind = 'session' | 'humanTurn' | 'agentTurn' | 'child' | 'step';

/**
 * The clustering key. `session`: uid ''. Turns: their uid. `child`: uid = the parent's uid prefixed
 * by its role, other = the child's. `step`: uid = its agent turn's, idx. Unused parts are '' and 0.
 */
export type StateKey = {
  readonly kind: StateRowKind;
  readonly uid: string;
  readonly idx: number;
  readonly other: string;
};

export type StateRow = StateKey & {
  /** LSN of the last change of the entity; 0 when only a snapshot saw it. */
  readonly lsn: number;
  /** Position at which a snapshot last saw it; 0 for never. */
  readonly seen: number;
  /** False for what was deleted or has left: only its LSN is of interest, for some days. */
  readonly present: boolean;
  /** Whatever conversation/ keeps of it, as JSON; small. */
  readonly body: string;
  /** Title, prompt or content, of any size up to 16 MiB; the store keeps a large one apart. */
  readonly text: string | null;
  /** Written with the state's time to live: an absent row that nothing refers to. */
  readonly expires: boolean;
};

/**
 * A row as it was read. `heldAt`: the container's position at that moment; above the one that was
 * read before, a former owner's write has come between, and the two are of different prefixes.
 */
export type ReadRow = StateRow & { readonly heldAt: number };

/** `writtenAt`: the position under which the row was written last. */
export type ScannedRow = {
  readonly container: string;
  readonly row: StateRow;
  readonly writtenAt: number;
};

/** Rows that changed together, at the position of the last change folded into them. */
export type StateSegment = { readonly position: number; readonly rows: readonly StateRow[] };

export type TurnRole = 'human' | 'agent';
export type TurnId = { readonly role: TurnRole; readonly uid: string };
export type Hint = TurnId & { readonly sessionUid: string; readonly position: number };

export interface StateStore {
  /** What `write` keeps in one batch: the sequencer closes its segments by it. */
  readonly segmentLimits: SegmentLimits;
  /**
   * The containers' positions; -1 where there is none. `settledBelow`: the first position of the
   * committed raw offset. A write at or above it may never have been acknowledged: its rows must be
   * found on a majority before its position is given, until then it rejects (STORE, retriable).
   */
  positions(containers: readonly string[], settledBelow: number): Promise<readonly number[]>;
  /** Point reads, in the order asked; null where there is no row. */
  rows(
    reads: readonly { readonly container: string; readonly key: StateKey }[],
  ): Promise<readonly (ReadRow | null)[]>;
  /** All rows of a kind, of one uid or (null) of all, present or not, in key order, in pages. */
  slice(
    container: string,
    kind: StateRowKind,
    uid: string | null,
  ): AsyncIterable<readonly ReadRow[]>;
  /** The nearest present step of the turn strictly before or after idx. */
  neighbour(
    container: string,
    turnUid: string,
    idx: number,
    side: 'before' | 'after',
  ): Promise<ReadRow | null>;
  /**
   * Writes the segments of one container in order, each in one unlogged batch with its position or
   * a later one's, atomically, USING TIMESTAMP = that position. Large texts are written before, apart. A segment
   * larger than a batch: its rows first, in the order given, the position with the last of them
   * (`segmentTailRows` or more).
   */
  write(container: string, segments: readonly StateSegment[]): Promise<void>;
  /** Sessions that may hold the turn (a hint: more than one while it moves, or a stale one). */
  sessionsOf(turns: readonly TurnId[]): Promise<readonly (readonly string[])[]>;
  addHints(hints: readonly Hint[]): Promise<void>;
  removeHints(hints: readonly Hint[]): Promise<void>;
  /**
   * Every present row of sessions, turns and steps (not `child`), in pages, in no order; for sweeps.
   * Texts are null.
   */
  scan(): AsyncIterable<readonly ScannedRow[]>;
}
