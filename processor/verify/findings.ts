/**
 * What was found out about one read model: how much was compared, what differs, and which rows are
 * still open. Lists are bounded; the numbers count everything.
 */
import type { Cell } from '../projection/columns.ts';
import type { Key } from '../projection/projection.ts';
import type { MendOutcome } from './mend.ts';
import type { RowAddress, StandingRow, Target } from './ports.ts';

export type DifferenceKind = 'missing' | 'extra' | 'different';

export type Difference = RowAddress & {
  readonly kind: DifferenceKind;
  /** Null where there should be no row. */
  readonly expected: readonly Cell[] | null;
  /** Null where there is none. */
  readonly standing: StandingRow | null;
  /** `expected` holds what the source had before this position, and for totals also what was added up to `mendAt`. */
  readonly mendAt: number;
};

/** A row that changed since the snapshot, or that differed for the first time. */
export type OpenRow = {
  readonly key: Key;
  readonly sessions: Set<string>;
  /** How often it differed while nothing changed it. */
  strikes: number;
  /** The last time it was seen it was what the log had made of it since. */
  isAsLogged: boolean;
};

export type Findings = {
  readonly target: Target;
  /** Of the read model, and of what it should hold (contributions, for totals). */
  standingRows: number;
  expectedRows: number;
  readonly counts: Record<DifferenceKind, number>;
  readonly differences: Difference[];
  /** Of the differences, in their order, when they are repaired. */
  readonly mends: MendOutcome[];
  /** By key text; of maps. */
  readonly open: Map<string, OpenRow>;
  /** Sessions on whose facts the projection's function throws. */
  refused: number;
  readonly refusals: { readonly sessionUid: string; readonly error: string }[];
  /** Rows whose write timestamp is beyond the log: they keep later changes from showing. */
  pinned: number;
  readonly pins: RowAddress[];
  /** Differences that were counted and not looked at one by one. */
  unexamined: { buckets: number; rows: number };
  /** Why the comparison is not whole, one sentence each. */
  readonly problems: Set<string>;
};

/** What lists of a report hold. */
export const listedMax = 10;

export function noFindings(target: Target): Findings {
  return {
    target,
    standingRows: 0,
    expectedRows: 0,
    counts: { missing: 0, extra: 0, different: 0 },
    differences: [],
    mends: [],
    open: new Map(),
    refused: 0,
    refusals: [],
    pinned: 0,
    pins: [],
    unexamined: { buckets: 0, rows: 0 },
    problems: new Set(),
  };
}

export function addDifference(findings: Findings, difference: Difference, keptMax: number): void {
  findings.counts[difference.kind] += 1;
  if (findings.differences.length < keptMax) findings.differences.push(difference);
}

export function addRefusal(findings: Findings, sessionUid: string, error: string): void {
  findings.refused += 1;
  if (findings.refusals.length < listedMax) findings.refusals.push({ sessionUid, error });
}

export function addPin(findings: Findings, { key, shard }: RowAddress): void {
  findings.pinned += 1;
  if (findings.pins.length < listedMax) findings.pins.push({ key, shard });
}

/** Null when the two are the same row, or both absent. */
export function kindOf(
  expected: readonly Cell[] | null,
  standing: readonly Cell[] | null,
): DifferenceKind | null {
  if (expected === null) return standing === null ? null : 'extra';
  if (standing === null) return 'missing';
  return sameCells(expected, standing) ? null : 'different';
}

export function sameCells(one: readonly Cell[], other: readonly Cell[]): boolean {
  return one.length === other.length && one.every((cell, at) => cell === other[at]);
}

export function isZero(totals: readonly Cell[]): boolean {
  return totals.every((total) => total === 0);
}
