/**
 * The port to holds: a projection whose totals are held has its workers write nothing of it until the hold
 * is given back, or has run out (docs/decisions/0022-verify.md). Workers look twice a second
 * (live-hosting.ts) and begin anew at their checkpoints afterwards, with nothing in memory; so what a
 * repair wrote meanwhile is what they go on from.
 *
 * A hold protects nothing by itself: a worker that has not seen it goes on, and what it writes carries
 * its position as ever (I6). Whoever holds looks whether they stand still. cql/ implements it, and
 * memory-holds.ts; both keep totals-holds.contract.ts.
 */
export type Hold = {
  readonly owner: string;
  /** By the clock of whoever looks: it is over then, whatever became of its owner. */
  readonly untilMs: number;
};

/** Any call may be repeated after a retriable failure. */
export interface HoldStore {
  /** By projection, run out or not; absent: there is none. Cheap: workers ask twice a second. */
  held(projections: readonly string[]): Promise<ReadonlyMap<string, Hold>>;
  /** Null when it is taken or renewed; otherwise who has it. One of a projection at a time. */
  hold(projection: string, hold: Hold): Promise<Hold | null>;
  /** Of this owner; nothing, if another has it by now. */
  release(projection: string, owner: string): Promise<void>;
}
