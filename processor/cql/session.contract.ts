/**
 * What every form of the session keeps (session.ts), as tests: CQL's own rules, by which the product
 * stands or falls, statement by statement. test/stack/ runs them on a real cluster, test/simulation/
 * on the simulated one, which is how that is known to be like it.
 */
import { describe, expect, test } from 'vitest';
import { among } from './names.ts';
import { describeMerging } from './session-merge.contract.ts';
import {
  contractTable,
  type SessionHarness,
  types,
  type Values,
} from './session-table.contract.ts';
import type { Statement } from './statements.ts';
import { booleanValue, type CqlValue, doubleValue, intValue, textValue } from './values.ts';

const inNoTable = ({ query, params }: Statement): Statement => ({
  query: query.replace('"cells"', '"absent"'),
  params,
});

const lasting = { code: 'STORE', retriable: false };

export function describeCqlContract(name: string, open: () => Promise<SessionHarness>): void {
  describe(`CQL's contract: ${name}`, () => {
    const table = contractTable(open);
    const { cql, fresh, write, writeEach, each, read, decoded, stored, paged } = table;
    describeMerging(table);

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
        const [found] = await decoded(cql.select(row));
        expect(found?.['l']).toBe(7n);
        expect(found?.['at']).toEqual(new Date(8));
        expect(found?.['b']).toBe(true);
        expect(found?.['x']).toBe(9);
        expect(Buffer.isBuffer(found?.['bytes'])).toBe(true);
        expect(found?.['t']).toBeNull();
        expect(Object.keys(found ?? {})).toEqual(Object.keys(types));
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

      test('of many is asked for when it can be sent, and none after a failure', async () => {
        const keys = Array.from({ length: 40 }, fresh);
        const writes = keys.map((key, at) => [cql.insert({ ...key, n: at }, at)]);
        await writeEach(writes, 3);
        for (const [at, key] of keys.entries()) {
          expect(await stored(key)).toEqual([{ c: 1, d: 'd', n: at }]);
        }
        let asked = 0;
        function* failing() {
          for (const [write] of writes) {
            asked += 1;
            yield [asked === 5 ? inNoTable(write!) : write!];
          }
        }
        await expect(writeEach(failing(), 3)).rejects.toThrow();
        expect(asked).toBeLessThan(9);
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

    describe('write times', () => {
      const times = (rows: readonly Readonly<Record<string, unknown>>[]) =>
        rows.map((row) => [row['c'], row['written']]);

      test('are the timestamps of the cells asked for, row by row, beside other columns', async () => {
        const of = fresh();
        const other = { ...of, c: 2 };
        await each(
          cql.insert({ ...of, n: 1, t: 'a' }, 2 ** 52),
          cql.update({ ...of, n: 2 }, 2 ** 52 + 1),
          cql.insert({ ...other, t: 'b' }, 7, 1_000),
          cql.update({ ...other, t: 'c' }, 6),
        );
        const rows = {
          text: ` AND ${among(['c', 'd'], 3)}`,
          params: [1, 2, 3].flatMap((c) => [intValue(c), textValue('d')]),
        };
        const asked = cql.writeTimes({ p: of.p }, ['c', 'n'], 't', rows);
        expect(await decoded(asked)).toEqual([
          { c: 2, n: null, written: 7n },
          { c: 1, n: 2, written: BigInt(2 ** 52) },
        ]);
        expect(times(await decoded(cql.writeTimes(of, ['c'], 'n')))).toEqual([
          [1, BigInt(2 ** 52 + 1)],
        ]);
      });

      test('there is none of what is null', async () => {
        const of = fresh();
        await write(cql.insert({ ...of, n: 1, t: null }, 5));
        expect(times(await decoded(cql.writeTimes(of, ['c'], 't')))).toEqual([[1, null]]);
        expect(times(await decoded(cql.writeTimes(of, ['c'], 'l')))).toEqual([[1, null]]);
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

      test('two that are set together are read together, one may be null', async () => {
        const of = fresh();
        const both = ['place', 'note'];
        await write(
          cql.insert({ ...of, n: 1 }, 1),
          cql.update({ p: of.p, place: 5, note: 'x' }, 5),
        );
        expect(await read(cql.distinct(of, both))).toEqual([{ p: of.p, place: 5, note: 'x' }]);
        await each(
          cql.update({ p: of.p, place: 4, note: 'y' }, 4),
          cql.update({ p: of.p, place: 6, note: null }, 6),
        );
        expect(await read(cql.distinct(of, both))).toEqual([{ p: of.p, place: 6 }]);
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

    describe('what the cluster cannot do is refused for good', () => {
      const { p } = { p: 'refused' };
      const absent = () => table.name().replace('cells', 'absent');
      test.each<[string, () => Statement]>([
        ['a table that is not there', () => ({ query: `SELECT "p" FROM ${absent()}`, params: [] })],
        [
          'a column that is not there',
          () => ({ query: `SELECT "no" FROM ${table.name()}`, params: [] }),
        ],
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
