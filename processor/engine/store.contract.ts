/**
 * What every form of the worker's store keeps (store.ts), as tests: memory-store.test.ts and
 * test/stack/ run them. The rules at their core are CQL's: the highest position wins in any order
 * of arrival (I6), and at equal ones a delete beats a write.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Cell } from '../projection/columns.ts';
import type { Key, TableShape } from '../projection/projection.ts';
import type { Lsn } from '../source/lsn.ts';
import type { Position } from '../source/position.ts';
import { compareKeys, type StoredRow, type StoredTotalsRow } from './read-out.ts';
import type {
  Checkpoint,
  CheckpointStore,
  ReadModel,
  ReadModelStore,
  RowWrite,
  TotalsWrite,
} from './store.ts';

export type StoreHarness = {
  readonly store: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly rows: (model: ReadModel) => Promise<readonly StoredRow[]>;
  readonly totals: (model: ReadModel) => Promise<readonly StoredTotalsRow[]>;
};

const at = (position: number): Position => position as Position;

const column = (name: string, cql: TableShape['values'][number]['cql'], nullable = false) => {
  const cqlName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { name, cqlName, cql, nullable };
};

const mapShape: TableShape = {
  projection: 'contract_map',
  version: 1,
  kind: 'map',
  partition: [column('accountUid', 'text'), column('day', 'date')],
  clustering: [
    { ...column('createdAt', 'timestamp'), order: 'desc' },
    { ...column('idx', 'int'), order: 'asc' },
  ],
  values: [
    column('title', 'text', true),
    column('size', 'bigint', true),
    column('share', 'double', true),
    column('shown', 'boolean', true),
    column('until', 'timestamp', true),
    column('on', 'date', true),
    column('tpe', 'int', true),
  ],
};

const aggregateShape: TableShape = {
  projection: 'contract_aggregate',
  version: 1,
  kind: 'aggregate',
  partition: [column('day', 'date')],
  clustering: [{ ...column('metric', 'text'), order: 'asc' }],
  values: [column('count', 'bigint'), column('sumMicros', 'bigint')],
};

const map: ReadModel = { shape: mapShape, generation: 1 };
const aggregate: ReadModel = { shape: aggregateShape, generation: 1 };
const full = (title: string | null): readonly Cell[] => [
  title,
  2 ** 52,
  -0.5,
  true,
  1_700_000_000_123,
  -3,
  -7,
];
const nothing: readonly Cell[] = [null, null, null, null, null, null, null];

function upsert(key: Key, position: number, values: readonly Cell[] = full('t')): RowWrite {
  return { op: 'upsert', key, values, position: at(position) };
}

function remove(key: Key, position: number): RowWrite {
  return { op: 'delete', key, position: at(position) };
}

export function describeStoreContract(name: string, open: () => Promise<StoreHarness>): void {
  describe(`the store's contract: ${name}`, () => {
    let harness: StoreHarness;
    let keys = 0;
    /** A key in a CQL partition of its own. */
    const fresh = (): Key => [`account ${keys++}`, 20_000, 1_000, 1];

    beforeAll(async () => {
      harness = await open();
      await harness.store.ensure([map, aggregate]);
    });

    const write = (...writes: RowWrite[]) => harness.store.writeRows(map, writes);
    const stored = async (key: Key): Promise<readonly Cell[] | undefined> =>
      (await harness.rows(map)).find((row) => compareKeys(row.key, key) === 0)?.values;

    test('ensure is idempotent and keeps what is there', async () => {
      const key = fresh();
      await write(upsert(key, 1));
      await harness.store.ensure([map, aggregate]);
      expect(await stored(key)).toEqual(full('t'));
    });

    test('cells of every type come back as they were, nulls and odd texts too', async () => {
      const odd = ['', 'über 🙂 "quoted" \'q\'\n', 0, 0, false, 0, 0, 0] as const;
      const [text, ...zeros] = [odd[1], ...odd.slice(2)];
      const one = fresh();
      const two = fresh();
      const three = fresh();
      await write(
        upsert(one, 1, full(text ?? null)),
        upsert(two, 2, ['', ...zeros]),
        upsert(three, 3, nothing),
      );
      expect(await stored(one)).toEqual(full(odd[1]));
      expect(await stored(two)).toEqual(['', ...zeros]);
      expect(await stored(three)).toEqual(nothing);
    });

    test('a timestamp keeps its whole milliseconds, the floor, before 1970 too', async () => {
      const [account, day] = fresh();
      const values = [null, null, null, null, -0.5, null, null];
      await write(upsert([account ?? '', day ?? 0, 1_234.567, 1], 1, values));
      expect(await stored([account ?? '', day ?? 0, 1_234, 1])).toEqual([
        null,
        null,
        null,
        null,
        -1,
        null,
        null,
      ]);
    });

    test('negative and far keys come back', async () => {
      const key: Key = ['', -719_162, -62_135_596_800_000, -2_147_483_648];
      await write(upsert(key, 1));
      expect(await stored(key)).toEqual(full('t'));
    });

    test.each([
      ['in order', [1, 2]],
      ['in the other order', [2, 1]],
    ])('of two writes %s the higher position wins, whole', async (_, order) => {
      const key = fresh();
      const values = [nothing, full('first'), nothing];
      for (const position of order) {
        await write(upsert(key, position, values[position] ?? nothing));
      }
      expect(await stored(key)).toEqual(nothing);
    });

    test('a late write stays under a later delete, and a later write shows again', async () => {
      const key = fresh();
      await write(remove(key, 5));
      await write(upsert(key, 4));
      expect(await stored(key)).toBeUndefined();
      await write(upsert(key, 6, full('again')));
      await write(remove(key, 5));
      expect(await stored(key)).toEqual(full('again'));
    });

    test('at equal positions a delete beats a write, whatever comes first', async () => {
      const [one, two] = [fresh(), fresh()];
      await write(upsert(one, 3));
      await write(remove(one, 3));
      await write(remove(two, 3));
      await write(upsert(two, 3));
      expect(await stored(one)).toBeUndefined();
      expect(await stored(two)).toBeUndefined();
    });

    test('at equal positions the larger value wins cell by cell, a null over all', async () => {
      const [low, high] = [
        ['a', 1, 1.5, false, 10, 10, 1],
        ['b', -1, null, true, 9, -10, -1],
      ];
      const merged = ['b', -1, null, true, 10, 10, -1];
      const [one, two] = [fresh(), fresh()];
      for (const [key, order] of [
        [one, [low, high]],
        [two, [high, low]],
      ] as const) {
        for (const values of order) await write(upsert(key, 7, values ?? []));
        expect(await stored(key)).toEqual(merged);
      }
    });

    test('many rows over many CQL partitions arrive, one large partition among them', async () => {
      const account = `many ${keys++}`;
      const writes = Array.from({ length: 3_000 }, (_, n) =>
        upsert([n % 3 === 0 ? `${account} ${n}` : account, 1, n, n], n, full(`row ${n}`)),
      );
      await harness.store.writeRows(map, writes);
      const found = (await harness.rows(map)).filter(({ key }) =>
        String(key[0]).startsWith(account),
      );
      expect(found).toHaveLength(3_000);
      const titles = new Set(found.map(({ key, values }) => values[0] === `row ${key[3]}`));
      expect([...titles]).toEqual([true]);
    });

    test('rows larger than a batch arrive', async () => {
      const account = `large ${keys++}`;
      const text = 'ü'.repeat(60_000);
      const writes = [1, 2, 3].map((n) => upsert([account, 1, n, n], n, full(`${text} ${n}`)));
      await harness.store.writeRows(map, writes);
      const found = (await harness.rows(map)).filter(({ key }) => key[0] === account);
      expect(found.map(({ values }) => String(values[0]).length)).toEqual([60_002, 60_002, 60_002]);
    });

    test('writing nothing is done at once', async () => {
      await harness.store.writeRows(map, []);
      await harness.store.writeTotals(aggregate, []);
      expect(await harness.store.loadTotals(aggregate, 0, [])).toEqual([]);
    });

    const totals = (key: Key, shard: number, position: number, count: number): TotalsWrite => {
      return { key, shard, totals: [count, count * 1_000], position: at(position) };
    };

    test('totals are kept by shard, with the position up to which they are exact', async () => {
      const key: Key = [1, 'first_step'];
      await harness.store.writeTotals(aggregate, [totals(key, 0, 10, 3), totals(key, 1, 12, 5)]);
      const load = (shard: number) => harness.store.loadTotals(aggregate, shard, [key]);
      expect(await load(0)).toEqual([{ totals: [3, 3_000], position: 10 }]);
      expect(await load(1)).toEqual([{ totals: [5, 5_000], position: 12 }]);
      expect(await load(2)).toEqual([null]);
    });

    test('totals of an older position never overwrite those of a newer one', async () => {
      const key: Key = [2, 'first_step'];
      await harness.store.writeTotals(aggregate, [totals(key, 0, 20, 0)]);
      await harness.store.writeTotals(aggregate, [totals(key, 0, 19, 99)]);
      expect(await harness.store.loadTotals(aggregate, 0, [key])).toEqual([
        { totals: [0, 0], position: 20 },
      ]);
    });

    test('totals load in the order of the keys, many at a time', async () => {
      const all = Array.from({ length: 700 }, (_, n): Key => [100 + (n % 7), `metric ${n}`]);
      const written = all.filter((_, n) => n % 2 === 0);
      await harness.store.writeTotals(
        aggregate,
        written.map((key, n) => totals(key, 3, 1_000 + n, n)),
      );
      const loaded = await harness.store.loadTotals(aggregate, 3, all);
      expect(loaded.map((row) => row?.totals[0] ?? null)).toEqual(
        all.map((_, n) => (n % 2 === 0 ? n / 2 : null)),
      );
      const found = (await harness.totals(aggregate)).filter(({ shard }) => shard === 3);
      expect(found).toHaveLength(written.length);
    });

    test('generations are apart', async () => {
      const next: ReadModel = { shape: mapShape, generation: 2 };
      await harness.store.ensure([next]);
      await harness.store.writeRows(next, [upsert(['only here', 1, 1, 1], 1)]);
      expect(await harness.rows(next)).toEqual([
        { key: ['only here', 1, 1, 1], values: full('t') },
      ]);
      expect(await stored(['only here', 1, 1, 1])).toBeUndefined();
    });

    const checkpoint = (position: number, more: Partial<Checkpoint> = {}): Checkpoint => {
      return { offset: position + 1, position, watermark: null, deadLetters: 0, ...more };
    };
    const checkpointed = (generation: number): ReadModel => ({ shape: mapShape, generation });

    test('there is no checkpoint before the first, and then one for each partition', async () => {
      const model = checkpointed(50);
      expect(await harness.checkpoints.load(model)).toEqual(new Map());
      const watermark = { lsn: (2 ** 40) as Lsn, committedAt: 1_700_000_000_000.125 };
      const first = checkpoint(-1, { offset: 0 });
      const second = checkpoint(2 ** 52, { watermark, deadLetters: 2 });
      await harness.checkpoints.save(model, 0, first);
      await harness.checkpoints.save(model, 11, second);
      expect(await harness.checkpoints.load(model)).toEqual(
        new Map([
          [0, first],
          [11, second],
        ]),
      );
      expect(await harness.checkpoints.load(checkpointed(51))).toEqual(new Map());
    });

    test('an older checkpoint never overwrites a newer one', async () => {
      const model = checkpointed(52);
      await harness.checkpoints.save(model, 0, checkpoint(100));
      await harness.checkpoints.save(model, 0, checkpoint(99, { offset: 5_000 }));
      expect((await harness.checkpoints.load(model)).get(0)).toEqual(checkpoint(100));
    });

    test('at one position the checkpoint that read further wins', async () => {
      const model = checkpointed(53);
      const watermark = { lsn: 7 as Lsn, committedAt: 9 };
      await harness.checkpoints.save(model, 0, checkpoint(100, { offset: 8, watermark }));
      await harness.checkpoints.save(model, 0, checkpoint(100, { offset: 9, watermark }));
      await harness.checkpoints.save(model, 0, checkpoint(100, { offset: 7 }));
      expect((await harness.checkpoints.load(model)).get(0)).toEqual(
        checkpoint(100, { offset: 9, watermark }),
      );
    });
  });
}
