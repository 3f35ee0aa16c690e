/**
 * What every form of the session keeps (session.ts), as tests: CQL's own rules, by which the product
 * stands or falls, statement by statement. test/stack/ runs them on a real cluster, test/simulation/
 * on the simulated one, which is how that is known to be like it.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { CqlType } from '../projection/columns.ts';
import { among, listed, marks, qualified } from './names.ts';
import type { DecodedRow, SchemaSession } from './session.ts';
import type { Statement } from './statements.ts';
import {
  bigintValue,
  booleanValue,
  type CqlValue,
  cellOf,
  cellValue,
  doubleValue,
  intValue,
  textValue,
} from './values.ts';

export type SessionHarness = { readonly session: SchemaSession; readonly keyspace: string };

const types: Readonly<Record<string, CqlType | 'blob'>> = {
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

type Values = Readonly<Record<string, string | number | boolean | Buffer | null>>;

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
function statementsOf(table: string) {
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
        query: `INSERT INTO ${table} (${listed(columns)}) VALUES (${marks(columns.length)})${using(at)}${ttl}`,
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
        query: `UPDATE ${table}${using(at)} SET ${sets} WHERE ${where(keys)}`,
        params: [...stamp(at), ...values(set, of), ...values(keys, of)],
      };
    },
    /** Of a row, or of all that begin with the key given, or of those below a `d` of them. */
    remove: (of: Values, at: number | null, below?: string): Statement => {
      const keys = key.filter((name) => name in of);
      const bound = below === undefined ? '' : ' AND "d" < ?';
      return {
        query: `DELETE FROM ${table}${using(at)} WHERE ${where(keys)}${bound}`,
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
        query: `SELECT ${listed(columns)} FROM ${table}${from}${more?.text ?? ''}`,
        params: [...values(keys, of ?? {}), ...(more?.params ?? [])],
      };
    },
    distinct: (of: Values): Statement => ({
      query: `SELECT DISTINCT "p", "place" FROM ${table} WHERE "p" = ?`,
      params: values(['p'], of),
    }),
  };
}

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}

const lasting = { code: 'STORE', retriable: false };

export function describeCqlContract(name: string, open: () => Promise<SessionHarness>): void {
  describe(`CQL's contract: ${name}`, () => {
    let session: SchemaSession;
    let table = '';
    let absent = '';
    let cql: ReturnType<typeof statementsOf>;
    let partitions = 0;
    /** A row's key, in a CQL partition of its own. */
    const fresh = () => ({ p: `partition ${partitions++}`, c: 1, d: 'd' });

    beforeAll(async () => {
      const harness = await open();
      session = harness.session;
      table = qualified(harness.keyspace, 'cells');
      absent = qualified(harness.keyspace, 'absent');
      cql = statementsOf(table);
      const columns = Object.entries(types).map(
        ([column, type]) => `"${column}" ${type}${statics.includes(column) ? ' STATIC' : ''}`,
      );
      const ddl = `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(', ')}, PRIMARY KEY (("p"), "c", "d")) WITH CLUSTERING ORDER BY ("c" DESC, "d" ASC)`;
      expect(await session.define('making a table', ddl)).toBe(true);
    });

    const write = (...statements: Statement[]) => session.write('writing', statements);
    const each = async (...statements: Statement[]) => {
      for (const statement of statements) await write(statement);
    };
    const read = async (statement: Statement) =>
      (await session.read('reading', statement)).map(plain);
    /** All rows of the key's CQL partition, without its key and what is null. */
    const stored = async ({ p }: Values) =>
      (await read(cql.select({ p: p ?? '' }))).map(({ p: _, ...rest }) => rest);
    const paged = async (statement: Statement, rowsMax: number) => {
      const pages: (readonly Values[])[] = [];
      for await (const page of session.pages('reading', statement, rowsMax)) {
        pages.push(page.map(plain));
      }
      return pages;
    };

    describe('values', () => {
      test('of every type come back as they were written', async () => {
        const row = {
          ...fresh(),
          c: -5,
          n: -(2 ** 31),
          t: 'ünï 🙂',
          b: false,
          x: -0.25,
          l: 2 ** 52 + 1,
          day: -719_162,
          at: -62_135_596_800_000,
          bytes: Buffer.from([0, 255]),
        };
        await write(cql.insert(row, 1));
        expect(await read(cql.select(row))).toEqual([row]);
      });

      test('are decoded as the product’s driver is told to', async () => {
        const row = { ...fresh(), l: 7, at: 8, b: true, x: 9, bytes: Buffer.from('ab') };
        await write(cql.insert(row, 1));
        const [found] = await session.read('reading', cql.select(row));
        expect(found?.['l']).toBe(7n);
        expect(found?.['at']).toEqual(new Date(8));
        expect(found?.['b']).toBe(true);
        expect(found?.['x']).toBe(9);
        expect(Buffer.isBuffer(found?.['bytes'])).toBe(true);
        expect(found?.['t']).toBeNull();
        expect(Object.keys(found ?? {})).toEqual(Object.keys(types));
      });
    });

    describe('the highest timestamp wins', () => {
      const kinds: readonly (readonly [string, (of: Values) => Statement])[] = [
        ['insert', (of) => cql.insert({ ...of, n: 1, t: 'one' }, 1)],
        ['delete', (of) => cql.remove(of, 2)],
        ['insert', (of) => cql.insert({ ...of, n: 3, t: null }, 3)],
        ['update', (of) => cql.update({ ...of, t: 'four' }, 4)],
      ];
      test.each(permutations([0, 1, 2, 3]).map((order) => [order.join(' ')]))(
        'whatever the order of arrival: %s',
        async (order) => {
          const of = fresh();
          for (const at of order.split(' ')) await write(kinds[Number(at)]![1](of));
          expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 3, t: 'four' }]);
        },
      );

      test('of writes under way at the same time', async () => {
        const of = fresh();
        const positions = Array.from({ length: 20 }, (_, n) => (n * 7) % 20);
        await Promise.all(positions.map((n) => write(cql.insert({ ...of, n }, n))));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 19 }]);
      });

      test('cell by cell', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, n: 5, t: 'five', l: 5 }, 5),
          cql.update({ ...of, n: 4, t: 'four' }, 4),
          cql.update({ ...of, t: 'six' }, 6),
          cql.update({ ...of, l: null }, 6),
        );
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 5, t: 'six' }]);
      });

      test('under a delete: a late write does not show, a later one does', async () => {
        const of = fresh();
        await each(cql.remove(of, 5), cql.insert({ ...of, n: 4 }, 4));
        expect(await stored(of)).toEqual([]);
        await each(cql.insert({ ...of, n: 6 }, 6), cql.remove(of, 5));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 6 }]);
      });

      test('a row delete that is older than one of the cells leaves a partial row', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, n: 1, t: 'old' }, 1),
          cql.update({ ...of, n: 3 }, 3),
          cql.remove(of, 2),
        );
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 3 }]);
      });
    });

    describe('at equal timestamps', () => {
      const both = async (of: Values, one: Statement, other: Statement) => {
        await each(one, other);
        return stored(of);
      };

      test.each<[string, Values, Values]>([
        ['texts', { t: 'a' }, { t: 'b' }],
        ['a text and a longer one', { t: 'a' }, { t: 'aa' }],
        ['an empty text and one that is not', { t: '' }, { t: 'a' }],
        ['ints: a negative is larger', { n: 1 }, { n: -1 }],
        ['bigints: a negative is larger', { l: 2 ** 40 }, { l: -1 }],
        ['doubles: a negative is larger', { x: 1.5 }, { x: -1.5 }],
        ['booleans', { b: false }, { b: true }],
        ['dates', { day: -1 }, { day: 1 }],
        ['timestamps: one before 1970 is larger', { at: 1 }, { at: -1 }],
        ['blobs', { bytes: Buffer.from([1, 255]) }, { bytes: Buffer.from([255]) }],
      ])('the larger bytes win, whatever comes first: %s', async (_, low, high) => {
        const [first, second] = [fresh(), fresh()];
        const won = [{ c: 1, d: 'd', ...high }];
        const [lower, higher] = [low, high].map(
          (values) => (of: Values) => cql.insert({ ...of, ...values }, 7),
        );
        expect(await both(first, lower!(first), higher!(first))).toEqual(won);
        expect(await both(second, higher!(second), lower!(second))).toEqual(won);
      });

      test('rows tear: each cell has a winner of its own', async () => {
        const of = fresh();
        const [one, other] = [
          { n: 1, t: 'b' },
          { n: 2, t: 'a' },
        ];
        expect(
          await both(of, cql.insert({ ...of, ...one }, 7), cql.insert({ ...of, ...other }, 7)),
        ).toEqual([{ c: 1, d: 'd', n: 2, t: 'b' }]);
      });

      test.each([['null first'], ['null last']])('a null wins over a value: %s', async (order) => {
        const of = fresh();
        const pair = [
          cql.insert({ ...of, n: null, t: null }, 7),
          cql.insert({ ...of, n: -1, t: 'z' }, 7),
        ] as const;
        const [one, other] = order === 'null first' ? pair : [pair[1], pair[0]];
        expect(await both(of, one, other)).toEqual([{ c: 1, d: 'd' }]);
      });

      test.each([['delete first'], ['delete last']])('a delete wins: %s', async (order) => {
        const of = fresh();
        const pair = [cql.remove(of, 7), cql.insert({ ...of, n: -1 }, 7)] as const;
        const [one, other] = order === 'delete first' ? pair : [pair[1], pair[0]];
        expect(await both(of, one, other)).toEqual([]);
      });

      test('a cell that expires wins over one that does not, a null over both', async () => {
        const [one, other, third] = [fresh(), fresh(), fresh()];
        const expiring = (of: Values) => cql.insert({ ...of, t: 'a' }, 7, 1_000);
        const staying = (of: Values) => cql.insert({ ...of, t: 'b' }, 7);
        const won = [{ c: 1, d: 'd', t: 'a' }];
        expect(await both(one, expiring(one), staying(one))).toEqual(won);
        expect(await both(other, staying(other), expiring(other))).toEqual(won);
        const none = cql.insert({ ...third, t: null }, 7);
        expect(await both(third, none, expiring(third))).toEqual([{ c: 1, d: 'd' }]);
      });
    });

    describe('a row shows', () => {
      test('by the marker of its INSERT, though all its cells are null', async () => {
        const of = fresh();
        await write(cql.insert({ ...of, n: null }, 1));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd' }]);
        await write(cql.update({ ...of, n: null }, 9));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd' }]);
      });

      test('after an UPDATE alone only as long as a cell has a value', async () => {
        const of = fresh();
        await write(cql.update({ ...of, n: 1 }, 1));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 1 }]);
        await write(cql.update({ ...of, n: null }, 2));
        expect(await stored(of)).toEqual([]);
      });

      test('no more by a marker that a delete covers', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, t: 'old' }, 1),
          cql.update({ ...of, n: 5 }, 5),
          cql.remove(of, 3),
          cql.update({ ...of, n: null }, 6),
        );
        expect(await stored(of)).toEqual([]);
      });

      test('by a cell that is not asked for', async () => {
        const of = fresh();
        await write(cql.update({ ...of, n: 1 }, 1));
        expect(await read(cql.select(of, ['c', 't']))).toEqual([{ c: 1 }]);
      });
    });

    describe('a batch', () => {
      test('takes effect whole, each statement with its own timestamp', async () => {
        const of = fresh();
        const other = { ...of, c: 2 };
        await write(cql.insert({ ...of, n: 4 }, 4), cql.insert({ ...other, n: 4 }, 4));
        await write(
          cql.insert({ ...of, n: 3 }, 3),
          cql.remove(other, 5),
          cql.update({ p: of.p, place: 9 }, 9),
          cql.insert({ ...of, c: 3, t: 'new' }, 1),
        );
        expect(await stored(of)).toEqual([
          { c: 3, d: 'd', t: 'new', place: 9 },
          { c: 1, d: 'd', n: 4, place: 9 },
        ]);
      });

      test('may write one row twice: the order in it says nothing', async () => {
        const of = fresh();
        await write(
          cql.insert({ ...of, n: 2, t: null }, 2),
          cql.insert({ ...of, n: 1, t: 'one' }, 1),
          cql.update({ ...of, l: 5 }, 1),
        );
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 2, l: 5 }]);
      });

      test('may be of several CQL partitions', async () => {
        const [one, other] = [fresh(), fresh()];
        await write(cql.insert({ ...one, n: 1 }, 1), cql.insert({ ...other, n: 2 }, 1));
        expect([await stored(one), await stored(other)]).toEqual([
          [{ c: 1, d: 'd', n: 1 }],
          [{ c: 1, d: 'd', n: 2 }],
        ]);
      });

      test('of nothing is nothing; of many bytes is refused if of several CQL partitions', async () => {
        await write();
        const [of, other] = [fresh(), fresh()];
        const t = 'x'.repeat(40_000);
        const two = [cql.insert({ ...of, t }, 1), cql.insert({ ...other, t }, 1)];
        await expect(write(...two)).rejects.toMatchObject(lasting);
        expect(await stored(of)).toEqual([]);
        await write(cql.insert({ ...of, t }, 1), cql.insert({ ...of, c: 2, t }, 1));
        expect(await stored(of)).toHaveLength(2);
      });
    });

    describe('static columns', () => {
      test('are of the CQL partition: each of its rows shows them', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, n: 1 }, 1),
          cql.insert({ ...of, c: 2, n: 2 }, 1),
          cql.update({ p: of.p, place: 5, note: 'x' }, 5),
          cql.update({ p: of.p, place: 4, note: 'y' }, 4),
        );
        expect((await stored(of)).map(({ place, note }) => [place, note])).toEqual([
          [5, 'x'],
          [5, 'x'],
        ]);
        expect(await read(cql.distinct(of))).toEqual([{ p: of.p, place: 5 }]);
      });

      test('show without rows: with DISTINCT, or as a row without a key, asked for or not', async () => {
        const of = fresh();
        await write(cql.update({ p: of.p, place: 5 }, 5));
        expect(await read(cql.distinct(of))).toEqual([{ p: of.p, place: 5 }]);
        expect(await stored(of)).toEqual([{ place: 5 }]);
        expect(await read(cql.select({ p: of.p }, ['p', 'c', 'n']))).toEqual([{ p: of.p }]);
        expect(await read(cql.select({ p: of.p, c: 1 }))).toEqual([]);
        expect(await read(cql.select(of))).toEqual([]);
        const tuple = {
          text: ` AND ${among(['c', 'd'], 1)}`,
          params: [intValue(1), textValue('d')],
        };
        expect(await read(cql.select({ p: of.p }, undefined, tuple))).toEqual([]);
      });

      test('stay when the last row is deleted, and show as none when they are null', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, n: 1 }, 1),
          cql.update({ p: of.p, place: 5 }, 5),
          cql.remove(of, 6),
        );
        expect(await read(cql.distinct(of))).toEqual([{ p: of.p, place: 5 }]);
        await write(cql.update({ p: of.p, place: null }, 5));
        expect(await read(cql.distinct(of))).toEqual([]);
      });

      test('a CQL partition with rows shows with DISTINCT though it has none', async () => {
        const of = fresh();
        expect(await read(cql.distinct(of))).toEqual([]);
        await write(cql.insert({ ...of, n: 1 }, 1));
        expect(await read(cql.distinct(of))).toEqual([{ p: of.p }]);
        await write(cql.remove(of, 2));
        expect(await read(cql.distinct(of))).toEqual([]);
      });
    });

    describe('a delete of many rows', () => {
      const rows = (p: string, at: (n: number) => number) =>
        ['a', 'b', 'c', 'd'].map((d, n) => cql.insert({ p, c: 1, d, n }, at(n)));
      const found = async (of: Values) => (await stored(of)).map(({ d }) => d);

      test('below a bound is of what is at or below its timestamp, and below the bound', async () => {
        const of = fresh();
        await each(...rows(of.p, (n) => n + 3), cql.remove({ p: of.p, c: 1 }, 4, 'd'));
        // "a" was written at 3, "b" at 4, "c" at 5; "d" is not below.
        expect(await found(of)).toEqual(['c', 'd']);
      });

      test('holds for what comes later, and below another key not at all', async () => {
        const of = fresh();
        await each(
          cql.remove({ p: of.p, c: 1 }, 4, 'c'),
          ...rows(of.p, () => 4),
          cql.insert({ ...of, c: 2, d: 'a' }, 1),
        );
        expect((await stored(of)).map(({ c, d }) => [c, d])).toEqual([
          [2, 'a'],
          [1, 'c'],
          [1, 'd'],
        ]);
      });

      test('by the beginning of the key, or of the whole CQL partition with its statics', async () => {
        const of = fresh();
        await each(
          ...rows(of.p, (n) => n),
          cql.insert({ ...of, c: 2 }, 1),
          cql.update({ p: of.p, place: 2 }, 2),
          cql.remove({ p: of.p, c: 1 }, 1),
        );
        expect((await stored(of)).map(({ c, d }) => [c, d])).toEqual([
          [2, 'd'],
          [1, 'c'],
          [1, 'd'],
        ]);
        await write(cql.remove({ p: of.p }, 2));
        expect((await stored(of)).map(({ c, d, place }) => [c, d, place])).toEqual([
          [1, 'd', undefined],
        ]);
        expect(await read(cql.distinct(of))).toEqual([{ p: of.p }]);
      });
    });

    describe('reads', () => {
      /** Keys (c, d), in the table's order: c falls, d rises. */
      const keys = [3, 2, -1].flatMap((c) => ['a', 'b', 'ü'].map((d) => [c, d] as const));
      const filled = async () => {
        const { p } = fresh();
        for (const [c, d] of keys.toReversed()) await write(cql.insert({ p, c, d }, 1));
        await write(cql.insert({ p, c: 2, d: 'gone' }, 1), cql.remove({ p, c: 2, d: 'gone' }, 2));
        return { p };
      };
      const pairs = (rows: readonly Values[]) => rows.map(({ c, d }) => [c, d]);
      const backwards = ' ORDER BY "c" ASC, "d" DESC';

      test('come in clustering order, or in reverse', async () => {
        const of = await filled();
        expect(pairs(await stored(of))).toEqual(keys);
        const reverse = cql.select(of, undefined, { text: backwards, params: [] });
        expect(pairs(await read(reverse))).toEqual(keys.toReversed());
      });

      test('of tuples come in clustering order, each once, without those that are not there', async () => {
        const of = await filled();
        const tuples = [keys[7]!, keys[0]!, [9, 'x'], [2, 'gone'], keys[4]!, keys[0]!] as const;
        const params = tuples.flatMap(([c, d]) => [intValue(c), textValue(d)]);
        const more = { text: ` AND ${among(['c', 'd'], tuples.length)}`, params };
        expect(pairs(await read(cql.select(of, undefined, more)))).toEqual([
          keys[0],
          keys[4],
          keys[7],
        ]);
      });

      test('of a range are bounded, backwards too, up to a limit', async () => {
        const of = await filled();
        const range = (text: string, ...params: CqlValue[]) =>
          read(cql.select({ ...of, c: 2 }, undefined, { text, params }));
        expect(pairs(await range(' AND "d" < ?', textValue('b')))).toEqual([[2, 'a']]);
        expect(pairs(await range(' AND "d" > ?', textValue('a')))).toEqual([
          [2, 'b'],
          [2, 'ü'],
        ]);
        const before = ` AND "d" < ?${backwards} LIMIT ?`;
        expect(pairs(await range(before, textValue('ü'), intValue(1)))).toEqual([[2, 'b']]);
        expect(
          pairs(await read(cql.select(of, undefined, { text: ' LIMIT ?', params: [intValue(4)] }))),
        ).toEqual(keys.slice(0, 4));
        const below = { text: ' AND "c" < ?', params: [intValue(3)] };
        expect(pairs(await read(cql.select(of, undefined, below)))).toEqual(keys.slice(3));
      });

      test.each([1, 2, 3, 4, 9, 20])('come in pages of %d, whole and in order', async (rowsMax) => {
        const of = await filled();
        const pages = await paged(cql.select(of), rowsMax);
        expect(pairs(pages.flat())).toEqual(keys);
        expect(pages.every(({ length }) => length > 0 && length <= rowsMax)).toBe(true);
        expect(pages.length).toBe(Math.ceil(keys.length / rowsMax));
        const reverse = cql.select(of, undefined, { text: backwards, params: [] });
        expect(pairs((await paged(reverse, rowsMax)).flat())).toEqual(keys.toReversed());
        const limited = cql.select(of, undefined, { text: ' LIMIT ?', params: [intValue(5)] });
        expect(pairs((await paged(limited, rowsMax)).flat())).toEqual(keys.slice(0, 5));
      });

      test('of all the table see each row once, and statics without rows as a row', async () => {
        const of = await Promise.all(Array.from({ length: 12 }, filled));
        const lonely = fresh();
        await write(cql.update({ p: lonely.p, place: 1 }, 1));
        const all = (await paged(cql.select(null), 5)).flat();
        for (const { p } of of) {
          expect(pairs(all.filter((row) => row['p'] === p))).toEqual(keys);
        }
        expect(all.filter((row) => row['p'] === lonely.p)).toEqual([{ p: lonely.p, place: 1 }]);
        const without = (await paged(cql.select(null, ['p', 'c', 'd']), 5)).flat();
        expect(without.filter((row) => row['p'] === lonely.p)).toEqual([{ p: lonely.p }]);
        expect(without.filter((row) => row['p'] === of[3]?.p)).toHaveLength(keys.length);
      });
    });

    describe('a time to live', () => {
      test('says nothing about who wins', async () => {
        const [one, other] = [fresh(), fresh()];
        const rows = (of: Values) => [
          cql.insert({ ...of, n: 1, t: 'one' }, 1, 1_000),
          cql.insert({ ...of, n: 2, t: null }, 2),
          cql.insert({ ...of, n: 3, t: null }, 3, 2_000),
        ];
        await each(...rows(one));
        await each(...rows(other).toReversed());
        expect([await stored(one), await stored(other)]).toEqual([
          [{ c: 1, d: 'd', n: 3 }],
          [{ c: 1, d: 'd', n: 3 }],
        ]);
      });
    });

    describe('a statement without a timestamp', () => {
      const position = 2 ** 48;
      test('gets the server’s time, which beats every position for ever', async () => {
        const of = fresh();
        await each(
          cql.insert({ ...of, n: 1 }, position),
          cql.insert({ ...of, n: 2 }, null),
          cql.insert({ ...of, n: 3 }, position + 1),
        );
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 2 }]);
      });

      test('in a batch as well, and as a delete', async () => {
        const of = fresh();
        await write(cql.insert({ ...of, n: 1 }, position), cql.insert({ ...of, n: 2 }, null));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 2 }]);
        await each(cql.remove(of, null), cql.insert({ ...of, n: 3 }, position));
        expect(await stored(of)).toEqual([]);
      });

      test('beats one before it', async () => {
        const of = fresh();
        for (const n of [5, 1, 4]) await write(cql.insert({ ...of, n }, null));
        expect(await stored(of)).toEqual([{ c: 1, d: 'd', n: 4 }]);
      });
    });

    describe('what the cluster cannot do is refused for good', () => {
      const { p } = { p: 'refused' };
      test.each<[string, () => Statement]>([
        ['a table that is not there', () => ({ query: `SELECT "p" FROM ${absent}`, params: [] })],
        ['a column that is not there', () => ({ query: `SELECT "no" FROM ${table}`, params: [] })],
      ])('reading %s', async (_, statement) => {
        await expect(read(statement())).rejects.toMatchObject(lasting);
      });
      test.each<[string, () => Statement]>([
        ['with half a key', () => cql.insert({ p, c: 1, n: 1 }, 1)],
        ['with a null in the key', () => cql.insert({ p, c: 1, d: null, n: 1 }, 1)],
        [
          'with too few bytes',
          () => {
            const { query, params } = cql.insert({ p, c: 1, d: 'd', n: 1 }, 1);
            return { query, params: params.with(3, booleanValue(true)) };
          },
        ],
        [
          'with too many bytes',
          () => {
            const { query, params } = cql.insert({ p, c: 1, d: 'd', b: true }, 1);
            return { query, params: params.with(3, doubleValue(1)) };
          },
        ],
      ])('writing %s', async (_, statement) => {
        await expect(write(statement())).rejects.toMatchObject(lasting);
      });
    });
  });
}
