/**
 * One CQL partition's worth of a deciding session, for tests: it takes the statements of
 * generation-statements.ts and hold-store.ts and no others, and each takes effect whole, as a conditional write does.
 * Between a statement and its answer anything else may happen.
 */
import type { DecidingSession, DecodedRow } from './session.ts';
import type { Statement } from './statements.ts';
import type { CqlValue } from './values.ts';

type Cells = Map<string, unknown>;

const staticColumn = /^(live|lease|hold)_/;
const insertText = /^INSERT INTO \S+ \((?<columns>.*?)\) VALUES \([?, ]+\) IF NOT EXISTS$/;
const updateText = /^UPDATE \S+ SET (?<set>.*?) WHERE (?<where>.*?) IF (?<condition>.*)$/;
const selectText =
  /^SELECT (?<distinct>DISTINCT )?(?<columns>.*?) FROM \S+ WHERE "projection" = \?$/;

export class DecidingFixture implements DecidingSession {
  readonly statements: Statement[] = [];
  readonly #statics = new Map<string, Cells>();
  readonly #rows = new Map<string, Cells>();

  async decide(_doing: string, statement: Statement): Promise<boolean> {
    await Promise.resolve();
    this.statements.push(statement);
    const insert = insertText.exec(statement.query)?.groups;
    if (insert !== undefined) return this.#insert(namesIn(insert['columns']), statement.params);
    const update = updateText.exec(statement.query)?.groups;
    if (update === undefined) throw new Error(`not a conditional write: ${statement.query}`);
    const set = namesIn(update['set']);
    const key = namesIn(update['where']);
    const [values, keyValues] = [
      statement.params.slice(0, set.length),
      statement.params.slice(set.length),
    ];
    const id = textOf(keyValues.slice(0, key.length));
    const partition = textOf(keyValues.slice(0, 1));
    const conditions = keyValues.slice(key.length);
    if (!this.#holds(update['condition'] ?? '', conditions, partition, id)) return false;
    for (const [at, column] of set.entries()) {
      this.#cells(column, partition, id).set(column, decoded(column, values[at] ?? null));
    }
    return true;
  }

  async readDecided(_doing: string, { query, params }: Statement): Promise<readonly DecodedRow[]> {
    await Promise.resolve();
    const select = selectText.exec(query)?.groups;
    if (select === undefined) throw new Error(`not a select: ${query}`);
    const partition = textOf(params);
    const statics = this.#statics.get(partition) ?? new Map<string, unknown>();
    const rows = [...this.#rows.values()]
      .filter((row) => row.get('projection') === params[0]?.toString())
      .sort((one, other) => rank(one) - rank(other));
    const columns = namesIn(select['columns']);
    const shown = (row: Cells): DecodedRow =>
      Object.fromEntries(columns.map((name) => [name, row.get(name) ?? statics.get(name) ?? null]));
    const hasStatics = [...statics.values()].some((value) => value !== null);
    if (rows.length === 0) return hasStatics ? [shown(new Map())] : [];
    return select['distinct'] === undefined ? rows.map(shown) : rows.slice(0, 1).map(shown);
  }

  read(doing: string, statement: Statement): Promise<readonly DecodedRow[]> {
    return this.readDecided(doing, statement);
  }

  write(): Promise<void> {
    return Promise.reject(new Error('a write without a condition'));
  }

  pages(): AsyncIterable<readonly DecodedRow[]> {
    throw new Error('nobody reads pages of it');
  }

  #insert(columns: readonly string[], params: readonly CqlValue[]): boolean {
    const id = textOf(params.slice(0, 3));
    if (this.#rows.has(id)) return false;
    this.#rows.set(
      id,
      new Map(columns.map((column, at) => [column, decoded(column, params[at] ?? null)])),
    );
    return true;
  }

  #holds(condition: string, params: readonly CqlValue[], partition: string, id: string): boolean {
    if (condition === 'EXISTS') return this.#rows.has(id);
    const values = [...params];
    return condition.split(' AND ').every((part) => {
      const [, column = '', marker] = /^"(\w+)" = (\?|null)$/.exec(part) ?? [];
      const wanted = marker === '?' ? decoded(column, values.shift() ?? null) : null;
      const found = staticColumn.test(column)
        ? this.#statics.get(partition)?.get(column)
        : this.#rows.get(id)?.get(column);
      return isSame(found ?? null, wanted);
    });
  }

  #cells(column: string, partition: string, id: string): Cells {
    const [cells, name] = staticColumn.test(column) ? [this.#statics, partition] : [this.#rows, id];
    const known = cells.get(name) ?? new Map<string, unknown>();
    cells.set(name, known);
    return known;
  }
}

/** A date's text has no milliseconds. */
function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  return one === other;
}

function namesIn(text = ''): readonly string[] {
  return [...text.matchAll(/"(\w+)"/g)].map(([, name = '']) => name);
}

function textOf(params: readonly CqlValue[]): string {
  return JSON.stringify(params.map((value) => value?.toString('hex') ?? null));
}

function rank(row: Cells): number {
  return Number(row.get('version')) * 1e6 + Number(row.get('generation'));
}

/** As the driver gives it back. */
function decoded(column: string, value: CqlValue): unknown {
  if (value === null) return null;
  if (/^(projection|table_name|live_table|lease_owner|lease_about|hold_owner)$/.test(column)) {
    return value.toString('utf8');
  }
  if (column === 'until_lsn') return value.readBigInt64BE();
  if (column === 'until_at') return value.readDoubleBE();
  if (value.length === 4) return value.readInt32BE();
  return new Date(Number(value.readBigInt64BE()));
}
