/**
 * What verification asks of the outside: the source at one moment (postgres-snapshot.ts), read models row
 * by row with the time of their writing (processor/cql/read-model-reader.ts), and writes for repairs. Memory forms stand in for
 * them in tests (memory-fixture.ts).
 */
import type { FinalRows } from '../conversation/final-facts.ts';
import type { ReadModel } from '../engine/store.ts';
import type { Cell } from '../projection/columns.ts';
import type { Key, Projection } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';

/** A generation of a read model that is compared with the source. */
export type Target = { readonly projection: Projection; readonly model: ReadModel };

/** Which sessions are read. All null: all of them. */
export type Part = {
  /** A share from 0 to 1, the same sessions each time. */
  readonly sample: number | null;
  readonly accountUid: string | null;
  /** With a turn or a step created at or after it. */
  readonly sinceMs: number | null;
};

export const everything: Part = { sample: null, accountUid: null, sinceMs: null };

/** A session by its turns, whether or not it has a row of its own. */
export type SourceSession = { readonly uid: string; readonly rows: FinalRows };

/** The source as of one LSN, for as long as it is open. */
export interface SourceSnapshot {
  /** Every transaction that committed before it is in, no other. */
  readonly lsn: Lsn;
  sees(transactionId: number): boolean;
  /** About how many sessions the part has, for those who wait; null when only reading them would tell. */
  sessionCount(part: Part): Promise<number | null>;
  /** Every session of the part once, in no order, several at a time; memory is bounded by the largest session. */
  sessions(part: Part, take: (session: SourceSession) => Promise<void> | void): Promise<void>;
  /** Those of them that exist. */
  sessionsOf(
    uids: readonly string[],
    take: (session: SourceSession) => Promise<void> | void,
  ): Promise<void>;
  close(): Promise<void>;
}

/** So many more rows are read of what it names: a read model, or the source. */
export type VerifyProgress = {
  readonly what: string;
  readonly pass: 'comparing' | 'looking closer' | 'settling';
  readonly rows: number;
  /** How much of it this pass has read, from 0 to 1; null when nobody can tell. */
  readonly share: number | null;
};

export interface VerifiedSource {
  open(): Promise<SourceSnapshot>;
}

export type RowAddress = {
  readonly key: Key /** Null for a map. */;
  readonly shard: number | null;
};

/** A row as it stands. */
export type StandingRow = RowAddress & {
  /** A map's values, or totals. */
  readonly values: readonly Cell[];
  /** What a row of totals says of itself; null for a map. */
  readonly position: number | null;
  /** The newest write timestamp of its cells; null when no cell tells (CQL keeps none for a null). */
  readonly writtenAt: bigint | null;
};

export interface ReadModelReader {
  /** All rows in no order, parts of the table side by side; `share` of the table is read, from 0 to 1. */
  scan(
    model: ReadModel,
    take: (rows: readonly StandingRow[], share: number) => void,
  ): Promise<void>;
  /** In the order of the addresses; null where there is no row. */
  rows(
    model: ReadModel,
    addresses: readonly RowAddress[],
  ): Promise<readonly (StandingRow | null)[]>;
}

/** Writes one row whole, or deletes it, at a write timestamp of the caller's choice. */
export interface ReadModelMender {
  put(
    model: ReadModel,
    row: RowAddress & { readonly values: readonly Cell[]; readonly position: number | null },
    at: bigint,
  ): Promise<void>;
  remove(model: ReadModel, address: RowAddress, at: bigint): Promise<void>;
}
