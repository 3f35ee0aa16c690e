/**
 * What the source does, as plain data. Each action makes sense by itself: a statement in a
 * transaction that is not open is a transaction of its own, a delete of what is not there does
 * nothing, a commit without a transaction neither. So any part of a script is a script.
 */
import type { SourceTable } from '../../../processor/source/row-change.ts';
import type { Columns } from './rows.ts';

/** 0: a transaction of its own; 1 to 3: that one, if it is open. */
export type TransactionSlot = 0 | 1 | 2 | 3;

export type TurnTable = 'human_turns' | 'agent_turns';

export type Statement = { readonly tx: TransactionSlot } & (
  | { readonly kind: 'write'; readonly table: SourceTable; readonly columns: Columns }
  /** New rows with one LSN, as COPY writes them; those that are there already are left out. */
  | { readonly kind: 'copy'; readonly table: SourceTable; readonly rows: readonly Columns[] }
  /** UPDATE of some columns: the others are left alone. */
  | {
      readonly kind: 'update';
      readonly table: SourceTable;
      readonly key: Columns;
      readonly set: Columns;
    }
  | { readonly kind: 'update-all'; readonly table: SourceTable; readonly set: Columns }
  /** From owner to owner (a turn's session, a session's account), one UPDATE each. */
  | {
      readonly kind: 'move';
      readonly table: 'sessions' | TurnTable;
      readonly key: Columns;
      readonly through: readonly (string | null)[];
    }
  | {
      readonly kind: 'rekey';
      readonly table: SourceTable;
      readonly key: Columns;
      readonly to: Columns;
    }
  | { readonly kind: 'delete'; readonly table: SourceTable; readonly key: Columns }
  /** The row, then what hangs on it. */
  | {
      readonly kind: 'delete-tree';
      readonly table: 'sessions' | 'agent_turns';
      readonly key: Columns;
    }
  | { readonly kind: 'truncate'; readonly tables: readonly SourceTable[] }
);

export type SourceAction =
  | Statement
  | { readonly kind: 'begin' | 'commit' | 'rollback'; readonly tx: 1 | 2 | 3 }
  | { readonly kind: 'heartbeat' }
  /** Bytes (latin1) that somebody puts into `changes`; null is a record without a value. */
  | { readonly kind: 'garbage'; readonly bytes: string | null }
  /** The connector starts again, `back` records before where it was. */
  | { readonly kind: 'connector-crash'; readonly back: number }
  /** From now on nothing is delivered until a snapshot. */
  | { readonly kind: 'slot-lost' }
  | { readonly kind: 'snapshot' }
  /** The snapshot under way, else the next one, ends after so many more rows and begins anew. */
  | { readonly kind: 'snapshot-cut'; readonly after: number };

export type ActionKind = SourceAction['kind'];
