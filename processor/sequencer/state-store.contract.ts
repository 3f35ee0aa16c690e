/**
 * What every form of the sequencer's state keeps (state-store.ts), as tests: the memory form runs
 * them beside itself, CQL's in test/stack/. What they protect is the prefix of DESIGN 3.2: rows and
 * position of a segment appear together, and no older write ever covers a newer one.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { StateKey, StateRow, StateStore, TurnId } from './state-store.ts';

const key = (kind: StateKey['kind'], uid: string, idx = 0, other = ''): StateKey => {
  return { kind, uid, idx, other };
};

function row(of: StateKey, more: Partial<StateRow> = {}): StateRow {
  return { ...of, lsn: 1, seen: 0, present: true, body: '{}', text: null, expires: false, ...more };
}

/** Above every position: all writes here are acknowledged before they are read. */
const settled = Number.MAX_SAFE_INTEGER;

async function collect<Row>(pages: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

export function describeStateStoreContract(name: string, open: () => Promise<StateStore>): void {
  describe(`the state store's contract: ${name}`, () => {
    let store: StateStore;
    let names = 0;
    const fresh = (): string => `s:contract ${names++}`;

    beforeAll(async () => {
      store = await open();
    });

    const read = async (container: string, of: StateKey): Promise<StateRow | null> =>
      (await store.rows([{ container, key: of }]))[0] ?? null;

    test('an unknown container is at position -1 and holds nothing', async () => {
      const container = fresh();
      expect(await store.positions([container], settled)).toEqual([-1]);
      expect(await read(container, key('session', ''))).toBeNull();
      expect(await collect(store.slice(container, 'step', null))).toEqual([]);
      expect(await store.neighbour(container, 't', 5, 'before')).toBeNull();
      expect(await store.positions([], settled)).toEqual([]);
      expect(await store.rows([])).toEqual([]);
    });

    test('what a segment wrote is there, with its position', async () => {
      const container = fresh();
      const rows = [
        row(key('session', ''), {
          lsn: 2 ** 50,
          seen: 2 ** 51,
          body: '{"über":"🙂"}',
          text: 'title',
        }),
        row(key('humanTurn', 'h'), { text: '' }),
        row(key('child', 'h:h', 0, 'a'), { present: false }),
        row(key('step', 'a', -3), { text: 'ünï\u0000 {"a":1}', expires: true }),
      ];
      await store.write(container, [{ position: 2 ** 52, rows }]);
      expect(await store.positions([fresh(), container], settled)).toEqual([-1, 2 ** 52]);
      const found = await store.rows(rows.map((of) => ({ container, key: of })));
      expect(found).toMatchObject(rows);
    });

    test('reads come back in the order asked, over containers, null where there is no row', async () => {
      const [one, two] = [fresh(), fresh()];
      const session = key('session', '');
      await store.write(one, [{ position: 1, rows: [row(session, { body: 'one' })] }]);
      await store.write(two, [{ position: 2, rows: [row(session, { body: 'two' })] }]);
      const asked = [two, fresh(), one, two].map((container) => ({ container, key: session }));
      const found = await store.rows(asked);
      expect(found.map((of) => of?.body)).toEqual(['two', undefined, 'one', 'two']);
    });

    test('segments are written in order: the last position stands, the newest row shows', async () => {
      const container = fresh();
      const step = key('step', 't', 1);
      await store.write(container, [
        { position: 10, rows: [row(step, { body: 'first' }), row(key('agentTurn', 't'))] },
        { position: 11, rows: [] },
        { position: 12, rows: [row(step, { body: 'second' })] },
      ]);
      expect(await store.positions([container], settled)).toEqual([12]);
      expect((await read(container, step))?.body).toBe('second');
      expect(await read(container, key('agentTurn', 't'))).not.toBeNull();
    });

    test('what was acknowledged is given, whether or not its raw offset is committed', async () => {
      const container = fresh();
      const steps = Array.from({ length: 20 }, (_, idx) => row(key('step', 't', idx)));
      const gone = row(key('step', 'u', 1), { present: false, expires: true });
      const session = (body: string) => row(key('session', ''), { body });
      await store.write(container, [
        { position: 10, rows: [...steps.slice(0, 2), session('1')] },
        { position: 11, rows: [] },
        { position: 12, rows: [gone, session('2')] },
        { position: 13, rows: [...steps, session('3')] },
        { position: 14, rows: [session('4')] },
      ]);
      for (const settledBelow of [0, 10, 14, 15, settled]) {
        expect(await store.positions([container, fresh()], settledBelow)).toEqual([14, -1]);
      }
      await store.write(container, [{ position: 15, rows: [] }]);
      expect(await store.positions([container], 0)).toEqual([15]);
      expect((await read(container, key('session', '')))?.body).toBe('4');
      await store.write(container, [{ position: 13, rows: [gone] }]);
      expect(await store.positions([container], 0)).toEqual([15]);
    });

    test('a write at a lower position changes nothing that a higher one wrote', async () => {
      const container = fresh();
      const step = key('step', 't', 1);
      const other = key('step', 't', 2);
      await store.write(container, [
        { position: 20, rows: [row(step, { body: 'new', text: 'new' })] },
      ]);
      await store.write(container, [
        { position: 15, rows: [row(step, { body: 'old', text: 'o'.repeat(9_000) }), row(other)] },
      ]);
      expect(await store.positions([container], settled)).toEqual([20]);
      expect(await read(container, step)).toMatchObject({ body: 'new', text: 'new' });
      expect(await read(container, other)).not.toBeNull();
    });

    test('the same segments again change nothing', async () => {
      const container = fresh();
      const rows = [
        row(key('step', 't', 1), { text: 'x'.repeat(10_000) }),
        row(key('session', '')),
      ];
      for (const _ of [1, 2]) await store.write(container, [{ position: 3, rows }]);
      expect(await store.positions([container], settled)).toEqual([3]);
      expect(await store.rows(rows.map((of) => ({ container, key: of })))).toMatchObject(rows);
    });

    test.each([
      ['at the edge of what is kept inline', 4_096],
      ['just beyond it', 4_097],
      ['of several chunks', 700_000],
      ['of 8 MB', 8_000_000],
    ])('a text %s comes back whole', async (_, length) => {
      const container = fresh();
      const step = key('step', 't', 1);
      const text = `${'🙂ü'.repeat(Math.ceil(length / 6))}`.slice(0, length);
      await store.write(container, [{ position: 5, rows: [row(step, { text })] }]);
      const found = await read(container, step);
      expect(found?.text === text).toBe(true);
      const [sliced] = await collect(store.slice(container, 'step', 't'));
      expect(sliced?.text === text).toBe(true);
    });

    test('a large text that is replaced never mixes with the one before', async () => {
      const container = fresh();
      const step = key('step', 't', 1);
      const write = (position: number, text: string | null) =>
        store.write(container, [{ position, rows: [row(step, { text })] }]);
      await write(1, 'a'.repeat(600_000));
      await write(2, 'b'.repeat(300_000));
      expect((await read(container, step))?.text === 'b'.repeat(300_000)).toBe(true);
      await write(3, 'c');
      expect((await read(container, step))?.text).toBe('c');
      await write(4, 'd'.repeat(5_000));
      await write(5, null);
      expect((await read(container, step))?.text).toBeNull();
    });

    test('a row that changes around its large text keeps it', async () => {
      const container = fresh();
      const turn = key('humanTurn', 'h');
      const text = 'p'.repeat(100_000);
      for (let position = 1; position <= 5; position++) {
        const body = `{"answers":${position}}`;
        await store.write(container, [{ position, rows: [row(turn, { text, body })] }]);
      }
      const found = await read(container, turn);
      expect(found?.body).toBe('{"answers":5}');
      expect(found?.text === text).toBe(true);
    });

    test('a large text written late, at a lower position, does not show', async () => {
      const container = fresh();
      const step = key('step', 't', 1);
      await store.write(container, [
        { position: 9, rows: [row(step, { text: 'n'.repeat(9_000) })] },
      ]);
      await store.write(container, [
        { position: 8, rows: [row(step, { text: 'o'.repeat(9_001) })] },
      ]);
      expect((await read(container, step))?.text === 'n'.repeat(9_000)).toBe(true);
    });

    test('a segment larger than a batch arrives whole', async () => {
      const container = fresh();
      const rows = Array.from({ length: 1_500 }, (_, idx) =>
        row(key('step', 't', idx), { body: 'b'.repeat(500), text: 't'.repeat(2_000) }),
      );
      await store.write(container, [{ position: 77, rows }]);
      expect(await store.positions([container], settled)).toEqual([77]);
      expect(await collect(store.slice(container, 'step', 't'))).toMatchObject(rows);
    });

    test('a row with a body larger than a batch arrives', async () => {
      const container = fresh();
      const turn = row(key('agentTurn', 'a'), { body: 'b'.repeat(60_000) });
      await store.write(container, [{ position: 4, rows: [turn] }]);
      expect(await read(container, turn)).toMatchObject(turn);
      expect(await store.positions([container], settled)).toEqual([4]);
    });

    test('a slice is of one kind, or of one uid, in key order, absent rows too', async () => {
      const container = fresh();
      const steps = [
        row(key('step', 'a', -1)),
        row(key('step', 'a', 10), { present: false }),
        row(key('step', 'b', 2)),
        row(key('step', 'ü', 1)),
        row(key('step', '\uffee', 0)),
        row(key('step', '🙂', 0)),
      ];
      const children = ['x', 'y'].map((other) => row(key('child', 'a:a', 0, other)));
      await store.write(container, [
        { position: 1, rows: [...steps.toReversed(), ...children.toReversed()] },
      ]);
      expect(await collect(store.slice(container, 'step', null))).toMatchObject(steps);
      expect(await collect(store.slice(container, 'step', 'a'))).toMatchObject(steps.slice(0, 2));
      expect(await collect(store.slice(container, 'child', 'a:a'))).toMatchObject(children);
      expect(await collect(store.slice(container, 'session', null))).toEqual([]);
    });

    test('the neighbour is the nearest present step on that side', async () => {
      const container = fresh();
      const gap = Array.from({ length: 250 }, (_, n) =>
        row(key('step', 't', 100 + n), { present: false }),
      );
      const present = [-5, 3, 400].map((idx) => row(key('step', 't', idx), { text: `at ${idx}` }));
      const others = [
        row(key('step', 's', 50)),
        row(key('step', 'u', 50)),
        row(key('child', 't', 50)),
      ];
      await store.write(container, [{ position: 1, rows: [...gap, ...present, ...others] }]);
      const near = async (idx: number, side: 'before' | 'after') =>
        (await store.neighbour(container, 't', idx, side))?.text ?? null;
      expect(await near(400, 'before')).toBe('at 3');
      expect(await near(3, 'after')).toBe('at 400');
      expect(await near(3, 'before')).toBe('at -5');
      expect(await near(-5, 'before')).toBeNull();
      expect(await near(400, 'after')).toBeNull();
      expect(await near(350, 'before')).toBe('at 3');
    });

    test('hints name the sessions of a turn, by role, until they are removed', async () => {
      const suffix = fresh();
      const human: TurnId = { role: 'human', uid: suffix };
      const agent: TurnId = { role: 'agent', uid: suffix };
      await store.addHints([
        { ...human, sessionUid: 'b', position: 1 },
        { ...human, sessionUid: 'a', position: 2 },
        { ...agent, sessionUid: 'c', position: 3 },
      ]);
      expect(await store.sessionsOf([agent, human, { role: 'agent', uid: 'none' }])).toEqual([
        ['c'],
        ['a', 'b'],
        [],
      ]);
      await store.removeHints([{ ...human, sessionUid: 'b', position: 4 }]);
      expect(await store.sessionsOf([human])).toEqual([['a']]);
    });

    test('a hint that is added again survives the late removal of the one before', async () => {
      const turn: TurnId = { role: 'human', uid: fresh() };
      const hint = (position: number) => ({ ...turn, sessionUid: 's', position });
      await store.addHints([hint(1)]);
      await store.addHints([hint(5)]);
      await store.removeHints([hint(3)]);
      expect(await store.sessionsOf([turn])).toEqual([['s']]);
      await store.removeHints([hint(5)]);
      expect(await store.sessionsOf([turn])).toEqual([[]]);
    });

    test('a scan shows every present session, turn and step, without texts', async () => {
      const containers = Array.from({ length: 60 }, fresh);
      for (const container of containers) {
        const steps = Array.from({ length: 5 }, (_, idx) =>
          row(key('step', 't', idx), { present: idx !== 2, text: 'x', lsn: idx, seen: 4 }),
        );
        const rest = [row(key('session', '')), row(key('child', 's:', 0, 't'))];
        await store.write(container, [{ position: 1, rows: [...steps, ...rest] }]);
      }
      const found = (await collect(store.scan())).filter((one) =>
        containers.includes(one.container),
      );
      expect(found).toHaveLength(60 * 5);
      const mine = found.filter((one) => one.container === containers[7]);
      expect(mine.map(({ writtenAt }) => writtenAt)).toEqual([1, 1, 1, 1, 1]);
      const of = mine.map((one) => one.row);
      expect(of).toContainEqual(row(key('step', 't', 4), { lsn: 4, seen: 4 }));
      expect(of.map(({ kind }) => kind).sort()).toEqual([
        'session',
        'step',
        'step',
        'step',
        'step',
      ]);
    });
  });
}
