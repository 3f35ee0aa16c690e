import { describe, expect, it } from 'vitest';
import type { FactChange } from '../conversation/fact.ts';
import type { Position } from '../source/position.ts';
import { applyDeltas, type Entry, foldAggregate, foldMap, type RowBuffer } from './changes.ts';
import { bigint, int, nullable, text } from './columns.ts';
import { defineAggregate, defineMap } from './define.ts';
import { added, changed, removed, sessionFact, stepFact } from './facts.ts';

/** A row per account and title: two sessions can hand one over. Title 'bad' makes it throw. */
const titles = defineMap({
  name: 'titles',
  version: 1,
  about: 'A title of an account.',
  of: 'session',
  key: { accountUid: text, title: text },
  partitionBy: ['accountUid'],
  values: { steps: int },
  rows: ({ accountUid, title, steps }) => {
    if (title === 'bad') throw new Error('a bad title');
    if (accountUid === null || title === null) return [];
    return title.split(' ').map((word) => ({ accountUid, title: word, steps }));
  },
});

const totals = defineAggregate({
  name: 'totals',
  version: 1,
  about: 'Sessions and steps of an account.',
  of: 'session',
  key: { accountUid: text },
  partitionBy: ['accountUid'],
  totals: { sessions: bigint, steps: bigint },
  contribute: ({ accountUid, title, steps }) => {
    if (title === 'bad') throw new Error('a bad title');
    return accountUid === null ? [] : [{ key: { accountUid }, totals: { sessions: 1, steps } }];
  },
});

const one = sessionFact({ uid: '1', accountUid: 'a', title: 'x', steps: 1 });
const two = sessionFact({ uid: '2', accountUid: 'a', title: 'y', steps: 1 });

function entry(position: number, ...changes: readonly FactChange[]): Entry {
  return { position: position as Position, changes };
}

function written(entries: readonly Entry[], into: RowBuffer = new Map()) {
  const failures = foldMap(titles, entries, into);
  const rows = [...into.values()].map((row) => [
    row.op,
    row.key[1],
    row.op === 'upsert' ? row.values[0] : null,
    row.position,
  ]);
  return { rows, failures };
}

function deltasOf(entries: readonly Entry[]) {
  const { deltas, failures } = foldAggregate(totals, entries);
  return { deltas: [...deltas.values()], failures };
}

describe('folding into a map', () => {
  it('writes one row once for the whole batch, at its newest position', () => {
    const entries = [
      entry(1, added(one)),
      entry(2, changed(one, { steps: 2 })),
      entry(3, changed({ ...one, steps: 2 }, { steps: 3 })),
    ];
    expect(written(entries).rows).toEqual([['upsert', 'x', 3, 3]]);
  });

  it('writes nothing where the row stays as it was', () => {
    expect(written([entry(1, changed(one, { uid: 'other' }))]).rows).toEqual([]);
    const renamed = changed({ ...one, title: 'x y' }, { title: 'y z' });
    expect(written([entry(1, renamed)]).rows).toEqual([
      ['upsert', 'z', 1, 1],
      ['delete', 'x', null, 1],
    ]);
  });

  it('deletes what a fact leaves, and keeps the delete although the row was written before', () => {
    const moved = changed(one, { title: 'z' });
    expect(written([entry(1, added(one)), entry(2, moved)]).rows).toEqual([
      ['delete', 'x', null, 2],
      ['upsert', 'z', 1, 2],
    ]);
    expect(written([entry(1, removed(one)), entry(2, added(one))]).rows).toEqual([
      ['upsert', 'x', 1, 2],
    ]);
  });

  it('lets an upsert beat a delete of the same event, in either order of the facts', () => {
    const takes = changed(two, { title: 'x', steps: 9 });
    const gives = changed(one, { title: 'y' });
    for (const changes of [
      [takes, gives],
      [gives, takes],
    ]) {
      expect(written([entry(5, ...changes)]).rows.sort()).toEqual([
        ['upsert', 'x', 9, 5],
        ['upsert', 'y', 1, 5],
      ]);
    }
  });

  it('lets the newest position win over batches in any order', () => {
    const into: RowBuffer = new Map();
    written([entry(9, removed(one))], into);
    written([entry(3, added(one))], into);
    expect(written([entry(8, changed(one, { steps: 8 }))], into).rows).toEqual([
      ['delete', 'x', null, 9],
    ]);
  });

  it('passes over facts of other kinds', () => {
    expect(written([entry(1, added(stepFact()))])).toEqual({ rows: [], failures: [] });
  });

  it('leaves nothing of an entry that throws, and takes the others', () => {
    const bad = { ...two, title: 'bad' };
    const { rows, failures } = written([
      entry(1, added(one)),
      entry(2, changed(one, { steps: 2 }), added(bad)),
      entry(3, removed(bad)),
      entry(4, added({ ...one, title: 'z' })),
    ]);
    expect(rows).toEqual([
      ['upsert', 'x', 1, 1],
      ['upsert', 'z', 1, 4],
    ]);
    expect(failures).toEqual([
      { entryIndex: 1, error: new Error('a bad title') },
      { entryIndex: 2, error: new Error('a bad title') },
    ]);
  });
});

describe('folding into an aggregate', () => {
  it('gives the net of every event and key in order', () => {
    const { deltas } = deltasOf([
      entry(1, added(one), added(two)),
      entry(4, changed(one, { steps: 5 })),
      entry(6, changed(two, { accountUid: 'b' })),
    ]);
    expect(deltas).toEqual([
      { key: ['a'], keyText: '1:a', positions: [1, 4, 6], totals: [2, 2, 0, 4, -1, -1] },
      { key: ['b'], keyText: '1:b', positions: [6], totals: [1, 1] },
    ]);
  });

  it('does not touch a key whose net is zero, even when facts exchange their contributions', () => {
    const { deltas } = deltasOf([
      entry(1, changed(one, { title: 'other' })),
      entry(2, changed(one, { steps: 7 }), changed({ ...two, steps: 7 }, { steps: 1 })),
      entry(3, changed(one, { steps: 4 }), changed({ ...two, steps: 4 }, { steps: 3 })),
    ]);
    expect(deltas).toEqual([{ key: ['a'], keyText: '1:a', positions: [3], totals: [0, 2] }]);
    expect(deltasOf([entry(1, removed(one), added({ ...one, steps: 1 }))]).deltas).toEqual([]);
    const split = [removed({ ...one, steps: 3 }), removed({ ...two, steps: 1 })];
    const joined = [added({ ...one, steps: 2 }), added({ ...two, steps: 2 })];
    expect(deltasOf([entry(1, ...split, ...joined)]).deltas).toEqual([]);
  });

  it('leaves nothing of an entry that throws, and takes the others', () => {
    const { deltas, failures } = deltasOf([
      entry(1, added(one)),
      entry(2, added(two), added({ ...two, title: 'bad' })),
      entry(3, removed(one)),
    ]);
    expect(deltas).toEqual([
      { key: ['a'], keyText: '1:a', positions: [1, 3], totals: [1, 1, -1, -1] },
    ]);
    expect(failures).toEqual([{ entryIndex: 1, error: new Error('a bad title') }]);
  });

  it('refuses entries out of order, which a reader drops before', () => {
    expect(() => foldAggregate(totals, [entry(2, added(one)), entry(2, removed(one))])).toThrow(
      'position 2 came after one of 2',
    );
  });
});

describe('applying deltas', () => {
  const deltas = {
    key: ['a'],
    keyText: '1:a',
    positions: [2, 4, 6] as Position[],
    totals: [1, 10, 1, 10, -2, -20],
  };
  const at = (position: number) => position as Position;

  it('adds all of them where nothing is stored, and keeps zeros with their position', () => {
    expect(applyDeltas(null, deltas)).toEqual({ totals: [0, 0], position: 6 });
  });

  it('skips, for this row alone, events at or below the stored position', () => {
    const stored = { totals: [7, 70], position: at(4) };
    expect(applyDeltas(stored, deltas)).toEqual({ totals: [5, 50], position: 6 });
    expect(applyDeltas({ ...stored, position: at(3) }, deltas)?.totals).toEqual([6, 60]);
    expect(stored.totals).toEqual([7, 70]);
  });

  it('says that nothing changes where the stored totals hold all of them', () => {
    expect(applyDeltas({ totals: [5, 50], position: at(6) }, deltas)).toBeNull();
    expect(applyDeltas({ totals: [5, 50], position: at(9) }, deltas)).toBeNull();
  });

  it('refuses totals that are no longer exact', () => {
    const stored = { totals: [0, Number.MAX_SAFE_INTEGER], position: at(1) };
    const more = { ...deltas, positions: [at(2)], totals: [0, 1] };
    expect(() => applyDeltas(stored, more)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });
});

describe('a fold over all kinds of changes', () => {
  it('keeps null values as null', () => {
    const projection = defineMap({
      name: 'titles_of',
      version: 1,
      about: 'A title.',
      of: 'session',
      key: { uid: text },
      partitionBy: ['uid'],
      values: { title: nullable(text) },
      rows: ({ uid, title }) => [{ uid, title }],
    });
    const into: RowBuffer = new Map();
    foldMap(projection, [entry(1, changed(one, { title: null }))], into);
    expect([...into.values()]).toEqual([{ op: 'upsert', key: ['1'], values: [null], position: 1 }]);
  });
});
