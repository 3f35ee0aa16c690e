/**
 * A model of Debezium: gives the WAL's transactions in the order of their commits, at least once. It
 * begins with a slot at the beginning of all; a snapshot has a slot of its own, from whose point on
 * the stream goes. After a crash it delivers again from any record of the slot that is not before
 * where an earlier crash has begun again; a crash within a snapshot begins the snapshot anew.
 */
import { Delivered, type Held } from './delivered.ts';
import { type Emitted, emittedOf, notificationOf, snapshotOf } from './emitted.ts';
import type { ChangeEncoder, NewChange } from './encoder.ts';
import type { ModelPostgres } from './model-postgres.ts';
import type { Rows } from './rows.ts';

export type DebeziumPorts = {
  readonly postgres: ModelPostgres;
  readonly encode: ChangeEncoder;
  readonly nowMs: () => number;
  /** Appends to `changes`, atomically; answers the offset of the first. */
  readonly append: (records: readonly NewChange[]) => number;
  readonly count: (name: string) => void;
};

type Snapshot = {
  readonly rows: Rows;
  /** The rows, and the notifications around them. */
  readonly records: readonly Emitted[];
  /** The record with which who reads knows all: the last row; with none, that the snapshot is complete. */
  readonly end: Emitted | undefined;
  /** How many of them were given. */
  given: number;
};

export class ModelDebezium {
  readonly delivered = new Delivered();
  readonly #ports: DebeziumPorts;
  /** Of the present slot, as far as they were worked out. */
  #records: Emitted[] = [];
  /** The next one to give; how many were given at least once; where a crash may go back to. */
  #next = 0;
  #frontier = 0;
  #floor = 0;
  #walNext = 0;
  #lost = false;
  #snapshotWanted = false;
  #snapshot: Snapshot | null = null;
  #snapshots = 0;
  /** After how many more rows the snapshot under way, or the next one, is cut. */
  #cuts: number[] = [];

  constructor(ports: DebeziumPorts) {
    this.#ports = ports;
  }

  /** Nothing is left to give, unless the source goes on. */
  get isIdle(): boolean {
    if (this.#snapshotWanted) return this.#ports.postgres.hasOpenTruncate;
    if (this.#snapshot !== null) return false;
    if (this.#lost) return true;
    return this.#next === this.#records.length && this.#walNext === this.#ports.postgres.wal.length;
  }

  loseSlot(): boolean {
    if (this.#lost) return false;
    this.#lost = true;
    this.#endSnapshot();
    this.#ports.count('the slot was lost');
    return true;
  }

  /** Where it begins is now, or once no TRUNCATE is in its way. */
  beginSnapshot(): void {
    this.#snapshotWanted = true;
    this.#tryBegin();
  }

  cutSnapshot(after: number): void {
    this.#cuts.push(after);
  }

  crash(back: number): boolean {
    const { count } = this.#ports;
    if (this.#snapshot !== null) {
      count('a snapshot was begun anew');
      this.beginSnapshot();
      return true;
    }
    const next = Math.max(this.#floor, this.#next - back);
    if (this.#lost || next === this.#next) return false;
    this.#next = next;
    this.#floor = next;
    count('records were delivered again');
    if (this.#isInsideTransaction(next)) {
      count('records were delivered again from the middle of a transaction');
    }
    return true;
  }

  /** No more incidents, and no snapshot that waits: what is under way comes to its end. */
  calm(): void {
    this.#cuts = [];
    if (this.#lost || this.#snapshotWanted) this.beginSnapshot();
  }

  /** Gives up to so many records and answers how many. */
  poll(recordsMax: number): number {
    if (this.#snapshotWanted) this.#tryBegin();
    const taken: Held[] = [];
    while (taken.length < recordsMax) {
      const held = this.#takeRead() ?? this.#takeStreamed();
      if (held === null) break;
      taken.push(held);
    }
    if (taken.length === 0) return 0;
    const { encode, nowMs, append } = this.#ports;
    const capturedMs = nowMs();
    const base = append(taken.map(({ record }) => encode(record, capturedMs)));
    this.delivered.appended(base, taken);
    return taken.length;
  }

  #takeRead(): Held | null {
    const snapshot = this.#snapshot;
    if (snapshot === null) return null;
    if (this.#cuts[0] !== undefined) {
      if (this.#cuts[0] === 0) {
        this.#cuts.shift();
        this.crash(0);
        return this.#snapshot === null ? null : this.#takeRead();
      }
      this.#cuts[0] -= 1;
    }
    const record = snapshot.records[snapshot.given];
    if (record === undefined) throw new Error('a snapshot without a record');
    if (snapshot.given === 0) this.delivered.snapshotBegan();
    snapshot.given += 1;
    if (record === snapshot.end) this.delivered.snapshotEnded(snapshot.rows);
    if (snapshot.given === snapshot.records.length) this.#endSnapshot();
    return this.delivered.after(record);
  }

  #takeStreamed(): Held | null {
    if (this.#lost || this.#snapshot !== null || this.#snapshotWanted) return null;
    const { wal } = this.#ports.postgres;
    while (this.#next === this.#records.length) {
      const item = wal[this.#walNext];
      if (item === undefined) return null;
      this.#walNext += 1;
      this.#records.push(...emittedOf(item));
    }
    const record = this.#records[this.#next];
    if (record === undefined) return null;
    const isAgain = this.#next < this.#frontier;
    if (!isAgain) this.#deliverFirst(record);
    this.#next += 1;
    return this.delivered.after(record, isAgain);
  }

  #deliverFirst(record: Emitted): void {
    this.#frontier += 1;
    if (record.kind === 'heartbeat' || record.kind === 'notification') return;
    if (record.change === null) return;
    this.delivered.apply(record.change);
    const before = this.#records[this.#frontier - 2];
    if (before !== undefined && before.lsn > record.lsn) {
      this.#ports.count('a change was delivered after one of a higher LSN');
    }
  }

  #tryBegin(): void {
    const { postgres, nowMs, count } = this.#ports;
    const point = postgres.consistentPoint();
    if (point === null) return;
    this.#endSnapshot();
    this.#snapshotWanted = false;
    this.#lost = false;
    this.#records = [];
    this.#next = 0;
    this.#frontier = 0;
    this.#floor = 0;
    this.#walNext = postgres.wal.length;
    const { rows } = point;
    const origin = { lsn: point.lsn, transactionId: point.transactionId, atMs: nowMs() };
    const read = snapshotOf(rows, origin);
    const started = notificationOf('STARTED', origin);
    const completed = notificationOf('COMPLETED', origin);
    // Most are of a connector that does not tell yet; but of no rows nobody would learn.
    this.#snapshots += 1;
    const tells = rows.size === 0 || this.#snapshots % 3 === 0;
    const records = tells ? [started, ...read, completed] : read;
    this.#snapshot = { rows, records, end: read.at(-1) ?? completed, given: 0 };
    postgres.isBeingRead = true;
    count('a snapshot began');
    if (rows.size === 0) count('a snapshot found nothing');
    if (read[0]?.kind === 'row' && read[0].snapshot !== 'first') {
      count('a snapshot had no first mark');
    }
  }

  #endSnapshot(): void {
    this.#snapshot = null;
    this.#ports.postgres.isBeingRead = false;
  }

  #isInsideTransaction(at: number): boolean {
    const [before, next] = [this.#records[at - 1], this.#records[at]];
    return before !== undefined && before.transactionId === next?.transactionId;
  }
}
