/**
 * The table that the session's contract is about (session.contract.ts): one column of every type, two
 * of them static, and the statements to it in the grammar that the product's builders speak.
 */
import { beforeAll, expect } from 'vitest';
import type { CqlType } from '../projection/columns.ts';
import { listed, marks, qualified } from './names.ts';
import type { DecodedRow, ReadModelSession } from './session.ts';
import type { Statement } from './statements.ts';
import { bigintValue, type CqlValue, cellOf, cellValue, intValue, textValue } from './values.ts';

export type SessionHarness = { readonly session: ReadModelSession; readonly keyspace: string };

export const types: Readonly<Record<string, CqlType | 'blob'>> = {
  p: 'text',
  c: 'int',
  d: 'text',
  place: 'bigint',
  note: 'text',
  n: 'int',
  t: 'text',
  b: 'boolean',
  x: 'double',
  l: 'bigint',
  day: 'date',
  at: 'timestamp',
  bytes: 'blob',
};
const key = ['p', 'c', 'd'];
const statics = ['place', 'note'];

export type Values = Readonly<Record<string, string | number | boolean | Buffer | null>>;

function encoded(column: string, value: Values[string]): CqlValue {
  const type = types[column] ?? 'text';
  if (Buffer.isBuffer(value)) return value;
  return type === 'blob' ? null : cellValue(type, value ?? null);
}

/** Without the columns that are null. */
function plain(row: DecodedRow): Values {
  const cells = Object.entries(row).map(([column, value]) => {
    const type = types[column] ?? 'text';
    return [column, type === 'blob' ? (value as Buffer | null) : cellOf(type, value)] as const;
  });
  return Object.fromEntries(cells.filter(([, value]) => value !== null));
}

/** Statements to one table that has a column of every type. */
export function statementsOf(tableName: () => string) {
  const using = (at: number | null) => (at === null ? '' : ' USING TIMESTAMP ?');
  const stamp = (at: number | null) => (at === null ? [] : [bigintValue(at)]);
  const where = (columns: readonly string[]) =>
    columns.map((name) => `"${name}" = ?`).join(' AND ');
  const values = (columns: readonly string[], of: Values) =>
    columns.map((column) => encoded(column, of[column] ?? null));
  return {
    insert: (row: Values, at: number | null, ttlSeconds?: number): Statement => {
      const columns = Object.keys(row);
      const ttl = ttlSeconds === undefined ? '' : `${at === null ? ' USING' : ' AND'} TTL ?`;
      return {
        query: `INSERT INTO ${tableName()} (${listed(columns)}) VALUES (${marks(columns.length)})${using(at)}${ttl}`,
        params: [
          ...values(columns, row),
          ...stamp(at),
          ...(ttlSeconds === undefined ? [] : [intValue(ttlSeconds)]),
        ],
      };
    },
    /** `of`: the key and what is set. */
    update: (of: Values, at: number | null): Statement => {
      const set = Object.keys(of).filter((name) => !key.includes(name));
      const keys = key.filter((name) => name in of);
      const sets = set.map((name) => `"${name}" = ?`).join(', ');
      return {
        query: `UPDATE ${tableName()}${using(at)} SET ${sets} WHERE ${where(keys)}`,
        params: [...stamp(at), ...values(set, of), ...values(keys, of)],
      };
    },
    /** Of a row, or of all that begin with the key given, or of those below a `d` of them. */
    remove: (of: Values, at: number | null, below?: string): Statement => {
      const keys = key.filter((name) => name in of);
      const bound = below === undefined ? '' : ' AND "d" < ?';
      return {
        query: `DELETE FROM ${tableName()}${using(at)} WHERE ${where(keys)}${bound}`,
        params: [
          ...stamp(at),
          ...values(keys, of),
          ...(below === undefined ? [] : [textValue(below)]),
        ],
      };
    },
    select: (
      of: Values | null,
      columns = Object.keys(types),
      more: { readonly text: string; readonly params: readonly CqlValue[] } | null = null,
    ): Statement => {
      const keys = of === null ? [] : key.filter((name) => name in of);
      const from = of === null ? '' : ` WHERE ${where(keys)}`;
      return {
        query: `SELECT ${listed(columns)} FROM ${tableName()}${from}${more?.text ?? ''}`,
        params: [...values(keys, of ?? {}), ...(more?.params ?? [])],
      };
    },
    /** Some columns, and the write time of one of them as `written`. */
    writeTimes: (
      of: Values,
      columns: readonly string[],
      timed: string,
      more: { readonly text: string; readonly params: readonly CqlValue[] } | null = null,
    ): Statement => {
      const keys = key.filter((name) => name in of);
      return {
        query: `SELECT ${listed(columns)}, WRITETIME("${timed}") AS "written" FROM ${tableName()} WHERE ${where(keys)}${more?.text ?? ''}`,
        params: [...values(keys, of), ...(more?.params ?? [])],
      };
    },
    distinct: (of: Values, columns: readonly string[] = ['place']): Statement => ({
      query: `SELECT DISTINCT ${listed(['p', ...columns])} FROM ${tableName()} WHERE "p" = ?`,
      params: values(['p'], of),
    }),
  };
}

export type ContractTable = ReturnType<typeof contractTable>;

/** Made before the tests. */
export function contractTable(open: () => Promise<SessionHarness>) {
  let session: ReadModelSession;
  let name = '';
  let partitions = 0;
  const cql = statementsOf(() => name);

  beforeAll(async () => {
    const harness = await open();
    session = harness.session;
    name = qualified(harness.keyspace, 'cells');
    const columns = Object.entries(types).map(
      ([column, type]) => `"${column}" ${type}${statics.includes(column) ? ' STATIC' : ''}`,
    );
    const ddl = `CREATE TABLE IF NOT EXISTS ${name} (${columns.join(', ')}, PRIMARY KEY (("p"), "c", "d")) WITH CLUSTERING ORDER BY ("c" DESC, "d" ASC)`;
    expect(await session.define('making a table', ddl)).toBe(true);
  });

  const write = (...statements: Statement[]) => session.write('writing', statements);
  const writeEach = (batches: Iterable<readonly Statement[]>, inFlightMax: number) =>
    session.writeEach('writing', batches, inFlightMax);
  const decoded = (statement: Statement) => session.read('reading', statement);
  const read = async (statement: Statement) => (await decoded(statement)).map(plain);
  return {
    cql,
    write,
    writeEach,
    read,
    /** As the driver gives them. */
    decoded,
    /** A row's key, in a CQL partition of its own. */
    fresh: () => ({ p: `partition ${partitions++}`, c: 1, d: 'd' }),
    each: async (...statements: Statement[]) => {
      for (const statement of statements) await write(statement);
    },
    /** All rows of the key's CQL partition, without that and what is null. */
    stored: async ({ p }: Values) =>
      (await read(cql.select({ p: p ?? '' }))).map(({ p: _, ...rest }) => rest),
    paged: async (statement: Statement, rowsMax: number) => {
      const pages: (readonly Values[])[] = [];
      for await (const page of session.pages('reading', statement, rowsMax)) {
        pages.push(page.map(plain));
      }
      return pages;
    },
    name: () => name,
  };
}
