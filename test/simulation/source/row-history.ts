/**
 * All states that a set of rows has gone through, each made by one entry: version n is the state
 * after n entries. Kept as changes; a state is worked out when it is asked for, from the one asked for
 * before when that is earlier.
 */
import type { FinalRows } from '../../../processor/conversation/final-facts.ts';
import { applyChange, finalRows, type Rows, type SourceChange, type SourceRow } from './rows.ts';

/** What was there is replaced by other rows: what a snapshot does to who reads it. */
type Replacement = { readonly kind: 'replace'; readonly rows: Rows };

export class RowHistory {
  readonly #entries: (SourceChange | Replacement)[] = [];
  readonly #known = new Map<number, FinalRows>();
  #rows = new Map<string, SourceRow>();
  #version = 0;

  get version(): number {
    return this.#entries.length;
  }

  apply(change: SourceChange): void {
    this.#entries.push(change);
  }

  replace(rows: Rows): void {
    this.#entries.push({ kind: 'replace', rows });
  }

  at(version: number): FinalRows {
    const known = this.#known.get(version);
    if (known !== undefined) return known;
    const rows = finalRows(this.rowsAt(version));
    this.#known.set(version, rows);
    return rows;
  }

  /** Good until the next call. */
  rowsAt(version: number): Rows {
    if (version < this.#version) {
      this.#rows = new Map();
      this.#version = 0;
    }
    for (; this.#version < version; this.#version += 1) {
      const entry = this.#entries[this.#version];
      if (entry === undefined) throw new RangeError(`there is no version ${version} yet`);
      if (entry.kind === 'replace') this.#rows = new Map(entry.rows);
      else applyChange(this.#rows, entry);
    }
    return this.#rows;
  }
}
