/**
 * A model of Postgres: the four tables, up to three transactions at a time beside statements of
 * their own, row locks, and the WAL. READ COMMITTED: a transaction sees what is committed and what it
 * has changed itself. A statement that would have to wait for another transaction is skipped.
 *
 * Every WAL record has an LSN above the one before. Rows of one COPY share one; nothing else does but
 * the tables of one TRUNCATE. The changes of a transaction are below its commit, and interleaved with
 * those of others. What is rolled back has taken its LSNs and arrives nowhere.
 */
import type { FinalRows } from '../../../processor/conversation/final-facts.ts';
import type { SourceTable } from '../../../processor/source/row-change.ts';
import type { Statement } from './action.ts';
import { RowHistory } from './row-history.ts';
import {
  applyChange,
  finalRows,
  type Rows,
  type SourceChange,
  type SourceRow,
  type SourceRows,
  sourceRows,
} from './rows.ts';
import { execute } from './statement.ts';

export type Commit = {
  readonly kind: 'commit';
  readonly lsn: number;
  readonly atMs: number;
  readonly transactionId: number;
  /** In the order in which they were made. */
  readonly changes: readonly SourceChange[];
};

/** `pg_logical_emit_message(true, …)`: a transaction with a message and no change. */
export type Message = {
  readonly kind: 'message';
  readonly lsn: number;
  readonly commitLsn: number;
  readonly atMs: number;
  readonly transactionId: number;
};

/** In the order of the commits, as logical decoding gives them. */
export type WalItem = Commit | Message;

/** Where a snapshot reads, and the last transaction that was there. */
export type SnapshotPoint = {
  readonly lsn: number;
  readonly transactionId: number;
  readonly rows: Rows;
};

export type PostgresOptions = {
  readonly nowMs: () => number;
  /** Text longer than that is stored apart, and withheld from an UPDATE that leaves it alone. */
  readonly inlineCharsMax: number;
  readonly count: (name: string) => void;
};

const firstLsn = 0x1000000;
const lsnStep = 0x10;
const firstTransactionId = 700;

export class Transaction {
  readonly changes: SourceChange[] = [];
  /** What it has made of rows; null: gone. */
  readonly own = new Map<string, SourceRow | null>();
  readonly touched = new Set<SourceTable>();
  readonly truncated = new Set<SourceTable>();
}

export class ModelPostgres {
  readonly inlineCharsMax: number;
  readonly wal: WalItem[] = [];
  readonly commits: Commit[] = [];
  readonly #options: PostgresOptions;
  readonly #rows = new Map<string, SourceRow>();
  readonly #history = new RowHistory();
  /** After each commit, the version of the history. */
  readonly #versions: number[] = [];
  readonly #open = new Map<number, Transaction>();
  readonly #locks = new Map<string, Transaction>();
  /** Tables that nobody else may read or write. */
  readonly #exclusive = new Map<SourceTable, Transaction>();
  #lsn = firstLsn;
  #transactionId = firstTransactionId;
  /** A snapshot is being read: its share of the tables forbids TRUNCATE. */
  isBeingRead = false;

  constructor(options: PostgresOptions) {
    this.#options = options;
    this.inlineCharsMax = options.inlineCharsMax;
  }

  begin(slot: number): boolean {
    if (this.#open.has(slot)) return false;
    this.#open.set(slot, new Transaction());
    return true;
  }

  commit(slot: number): boolean {
    const transaction = this.#open.get(slot);
    if (transaction === undefined) return false;
    this.#open.delete(slot);
    this.#commit(transaction);
    return true;
  }

  rollback(slot: number): boolean {
    const transaction = this.#open.get(slot);
    if (transaction === undefined) return false;
    this.#open.delete(slot);
    this.#release(transaction);
    if (transaction.changes.length > 0) {
      this.nextLsn();
      this.count('a transaction with changes was rolled back');
    }
    return true;
  }

  commitAll(): void {
    for (const slot of [...this.#open.keys()]) this.commit(slot);
  }

  /** How many rows it changed; null when it had to wait or there was nothing to change. */
  run(statement: Statement): number | null {
    const open = this.#open.get(statement.tx);
    const transaction = open ?? new Transaction();
    const rows = execute(statement, transaction, this);
    if (open === undefined) this.#commit(transaction);
    return rows === 0 ? null : rows;
  }

  /** Emits the heartbeat's message and answers its LSN. */
  emitMessage(): number {
    const lsn = this.nextLsn();
    const commitLsn = this.nextLsn();
    const atMs = this.#options.nowMs();
    this.wal.push({ kind: 'message', lsn, commitLsn, atMs, transactionId: this.#nextId() });
    return lsn;
  }

  /** `pg_current_wal_insert_lsn()`: at or above all that was committed, below all that will be. */
  insertLsn(): number {
    return this.#lsn;
  }

  get hasOpenTruncate(): boolean {
    return this.#exclusive.size > 0;
  }

  /** What is committed: where a snapshot that begins now reads. Null while a TRUNCATE is in its way. */
  consistentPoint(): SnapshotPoint | null {
    if (this.hasOpenTruncate) return null;
    if ([...this.#open.values()].some(({ changes }) => changes.length > 0)) {
      this.count('a transaction with changes was open at a snapshot');
    }
    const transactionId = this.#transactionId;
    return { lsn: this.nextLsn(), transactionId, rows: new Map(this.#rows) };
  }

  get committed(): Rows {
    return this.#rows;
  }

  tablesNow(): SourceRows {
    return sourceRows(this.#rows);
  }

  rowsNow(): FinalRows {
    return finalRows(this.#rows);
  }

  /** Rows of all transactions that were committed at or before it. */
  rowsAt(lsn: number): FinalRows {
    let low = 0;
    let high = this.commits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.commits[middle]?.lsn ?? 0) <= lsn) low = middle + 1;
      else high = middle;
    }
    return this.#history.at(low === 0 ? 0 : (this.#versions[low - 1] ?? 0));
  }

  count(name: string): void {
    this.#options.count(name);
  }

  nextLsn(): number {
    this.#lsn += lsnStep;
    return this.#lsn;
  }

  visible({ own, truncated }: Transaction, id: string): SourceRow | undefined {
    const mine = own.get(id);
    if (mine !== undefined) return mine ?? undefined;
    const row = this.#rows.get(id);
    return row !== undefined && truncated.has(row.table) ? undefined : row;
  }

  visibleOf(transaction: Transaction, table: SourceTable): SourceRow[] {
    const ids = new Set([...this.#rows.keys(), ...transaction.own.keys()]);
    const rows: SourceRow[] = [];
    for (const id of ids) {
      const row = this.visible(transaction, id);
      if (row?.table === table) rows.push(row);
    }
    return rows;
  }

  /** Whether it may write the row without waiting. */
  isFree(transaction: Transaction, table: SourceTable, id: string): boolean {
    const ofTable = this.#exclusive.get(table) ?? transaction;
    const ofRow = this.#locks.get(id) ?? transaction;
    const free = ofTable === transaction && ofRow === transaction;
    if (!free) this.count('a statement would have waited for another transaction');
    return free;
  }

  mayTruncate(transaction: Transaction, table: SourceTable): boolean {
    if (this.isBeingRead) return false;
    const holder = this.#exclusive.get(table);
    if (holder !== undefined && holder !== transaction) return false;
    return [...this.#open.values()].every(
      (other) => other === transaction || !other.touched.has(table),
    );
  }

  record(transaction: Transaction, change: SourceChange): void {
    const { changes, own, touched, truncated } = transaction;
    const { table } = change;
    changes.push(change);
    touched.add(table);
    if (change.kind === 'truncate') {
      for (const [id, row] of own) if (row?.table === table) own.set(id, null);
      truncated.add(table);
      this.#exclusive.set(table, transaction);
      return;
    }
    this.#locks.set(change.id, transaction);
    if (change.kind === 'rekey') {
      this.#locks.set(change.formerId, transaction);
      own.set(change.formerId, null);
    }
    own.set(change.id, change.kind === 'delete' ? null : { table, columns: change.columns });
  }

  #commit(transaction: Transaction): void {
    this.#release(transaction);
    const { changes } = transaction;
    if (changes.length === 0) return;
    for (const change of changes) {
      applyChange(this.#rows, change);
      this.#history.apply(change);
    }
    const commit: Commit = {
      kind: 'commit',
      lsn: this.nextLsn(),
      atMs: this.#options.nowMs(),
      transactionId: this.#nextId(),
      changes,
    };
    this.#versions.push(this.#history.version);
    this.commits.push(commit);
    this.wal.push(commit);
  }

  #release(transaction: Transaction): void {
    for (const [id, holder] of this.#locks) if (holder === transaction) this.#locks.delete(id);
    for (const [table, holder] of this.#exclusive) {
      if (holder === transaction) this.#exclusive.delete(table);
    }
  }

  #nextId(): number {
    this.#transactionId += 1;
    return this.#transactionId;
  }
}
