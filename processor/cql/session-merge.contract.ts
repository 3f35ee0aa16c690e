/** Who wins (session.contract.ts): of writes and deletes to one row, by timestamp, bytes and kind. */
import { describe, expect, test } from 'vitest';
import type { ContractTable, Values } from './session-table.contract.ts';
import type { Statement } from './statements.ts';

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}

export function describeMerging({ cql, fresh, write, each, stored, read }: ContractTable): void {
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
}
