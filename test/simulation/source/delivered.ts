/**
 * What was delivered, record by record: which source rows a reader holds that has folded all up to an
 * offset, and nothing while it cannot be said (a snapshot is being read). Deletions that the
 * sequencer works out itself (a TRUNCATE, rows that a snapshot did not see) count as done; it makes no
 * watermark before they are.
 */
import type { FinalRows } from '../../../processor/conversation/final-facts.ts';
import { formatLsn, type Lsn } from '../../../processor/source/lsn.ts';
import type { Emitted } from './emitted.ts';
import { RowHistory } from './row-history.ts';
import type { Rows, SourceChange } from './rows.ts';
import { keyWords } from './words.ts';

/** A state of the reader; `version` is null while nothing can be said of it. */
export type Held = {
  readonly record: Emitted;
  readonly version: number | null;
  /** It was delivered before. */
  readonly isAgain: boolean;
};

export class Delivered {
  readonly #history = new RowHistory();
  readonly #held = new Map<number, Held>();
  #isKnown = true;

  apply(change: SourceChange): void {
    this.#history.apply(change);
  }

  snapshotBegan(): void {
    this.#isKnown = false;
  }

  snapshotEnded(rows: Rows): void {
    this.#history.replace(rows);
    this.#isKnown = true;
  }

  /** The state now, for a record that has just been taken from the queue. */
  after(record: Emitted, isAgain = false): Held {
    return { record, version: this.#isKnown ? this.#history.version : null, isAgain };
  }

  appended(baseOffset: number, held: readonly Held[]): void {
    held.forEach((each, at) => {
      this.#held.set(baseOffset + at, each);
    });
  }

  at(offset: number): Held | undefined {
    return this.#held.get(offset);
  }

  rowsAfter(offset: number): FinalRows | null {
    const version = this.#held.get(offset)?.version ?? null;
    return version === null ? null : this.#history.at(version);
  }
}

/** `update steps a1/3 (0/1000040, transaction 701)`. */
export function wordsOfRecord(record: Emitted): string {
  const lsn = formatLsn(record.lsn as Lsn);
  switch (record.kind) {
    case 'heartbeat':
      return `heartbeat (${lsn})`;
    case 'notification':
      return `notification: snapshot ${record.type} (${lsn})`;
    case 'truncate':
      return `truncate ${record.table} (${lsn}, transaction ${record.transactionId})`;
    case 'row': {
      const { op, table, key, snapshot } = record;
      const what = `${operations[op]} ${table} ${keyWords(table, key)}`;
      if (snapshot !== null) return `${what} (${lsn}, snapshot ${snapshot})`;
      return `${what} (${lsn}, transaction ${record.transactionId})`;
    }
  }
}

const operations = { c: 'create', u: 'update', d: 'delete', r: 'read' } as const;
