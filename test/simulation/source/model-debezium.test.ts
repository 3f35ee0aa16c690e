/** The model Debezium: snapshots, crashes, and what is promised after them. */
import { describe, expect, test } from 'vitest';
import type { SourceAction } from './action.ts';
import { begin, commit, decoded, lsnsOf, opened, remove, session, step } from './playing.ts';

describe('a snapshot', () => {
  const lost = { kind: 'slot-lost' } satisfies SourceAction;
  const snapshot = { kind: 'snapshot' } satisfies SourceAction;
  const places = (words: readonly string[]) =>
    words.map((each) => each.replace(/^(\w+ \w+ \S+).*snapshot (\w+)\)/, '$1 $2'));

  test('reads rows of before, table by table, and marks the first and the last', () => {
    const rows = [step(0), step(1)];
    const copy = { kind: 'copy', tx: 0, table: 'steps', rows } satisfies SourceAction;
    const { pollAll, words } = opened(lost, copy, session('s1'), session('s2'), snapshot);
    pollAll();
    expect(places(words())).toEqual([
      'read sessions s1 first',
      'read sessions s2 last_in_data_collection',
      'read steps a1/0 first_in_data_collection',
      'read steps a1/1 last',
    ]);
  });

  test('of an empty first table has no record that is marked as the first', () => {
    const rows = [step(0), step(1)];
    const { pollAll, words } = opened(
      lost,
      { kind: 'copy', tx: 0, table: 'steps', rows },
      snapshot,
    );
    pollAll();
    expect(places(words())).toEqual([
      'read steps a1/0 first_in_data_collection',
      'read steps a1/1 last',
    ]);
  });

  test('leaves what is open to the stream, where it arrives with a lower LSN', async () => {
    const { log, source, pollAll, act, brief } = opened(
      session('s1'),
      lost,
      begin(1),
      session('s2', 1),
      session('s3'),
      snapshot,
    );
    source.poll(1);
    act(commit(1), remove('s1'));
    pollAll();
    expect(brief()).toEqual([
      'read sessions s1',
      'read sessions s3',
      'create sessions s2',
      'delete sessions s1',
    ]);
    const lsns = lsnsOf(await decoded(log));
    expect(lsns[0]).toBe(lsns[1]);
    expect(lsns[2]).toBeLessThan(lsns[1]!);
    expect(lsns[3]).toBeGreaterThan(lsns[1]!);
  });

  test('excludes TRUNCATE while it is read, and waits for one that is open', () => {
    const truncate = { kind: 'truncate', tx: 0, tables: ['sessions'] } as const;
    const { source, pollAll, act, brief } = opened(session('s1'), session('s2'), lost, snapshot);
    source.poll(1);
    expect(act(truncate)).toEqual([false]);
    pollAll();
    act(begin(1), { ...truncate, tx: 1 }, session('s3', 1), snapshot);
    expect(source.poll(1)).toBe(0);
    expect(source.isIdle).toBe(true);
    act(commit(1));
    expect(source.isIdle).toBe(false);
    pollAll();
    expect(brief()).toEqual(['read sessions s1', 'read sessions s2', 'read sessions s3']);
  });

  test('that is cut begins anew at a later point', () => {
    const { source, pollAll, act, brief } = opened(
      lost,
      session('s1'),
      session('s2'),
      { kind: 'snapshot-cut', after: 1 },
      snapshot,
    );
    source.poll(1);
    act(remove('s1'));
    pollAll();
    expect(brief()).toEqual(['read sessions s1', 'read sessions s2']);
    expect(source.rowsAfter(0)).toBeNull();
    expect(source.rowsAfter(1)?.sessions.map(({ uid }) => uid)).toEqual(['s2']);
  });

  test('comes after a lost slot, with nothing of what was in between', () => {
    const { pollAll, act, brief, source } = opened(session('s1'), lost, session('s2'));
    act(remove('s2'), { kind: 'heartbeat' });
    pollAll();
    expect(source.isIdle).toBe(true);
    act(snapshot, { kind: 'heartbeat' });
    pollAll();
    expect(brief()).toEqual(['read sessions s1', 'heartbeat']);
  });
});

describe('a crash of the connector', () => {
  const crash = (back: number) => ({ kind: 'connector-crash', back }) satisfies SourceAction;

  test('delivers again from the middle of a transaction, and goes on', () => {
    const { pollAll, act, brief } = opened(
      begin(1),
      session('s1', 1),
      session('s2', 1),
      commit(1),
      session('s3'),
    );
    pollAll();
    act(crash(2), session('s4'));
    pollAll();
    expect(brief().slice(3)).toEqual([
      'create sessions s2',
      'create sessions s3',
      'create sessions s4',
    ]);
  });

  test('delivers nothing again from before the slot, nor from before an earlier crash', () => {
    const { pollAll, act, brief } = opened(session('s1'), session('s2'));
    pollAll();
    act({ kind: 'snapshot' });
    pollAll();
    act(session('s3'), session('s4'), crash(50));
    pollAll();
    act(crash(1));
    pollAll();
    act(crash(50));
    pollAll();
    expect(brief().slice(4)).toEqual([
      'create sessions s3',
      'create sessions s4',
      'create sessions s4',
      'create sessions s4',
    ]);
  });

  test('promises at a heartbeat that comes again what has been delivered by then', () => {
    const { pollAll, act, source } = opened(session('s1'), { kind: 'heartbeat' }, session('s2'));
    pollAll();
    act(crash(2));
    pollAll();
    const promised = [1, 3].map((offset) => source.promisedAt(offset)?.sessions.length);
    expect(promised).toEqual([1, 2]);
    expect([0, 2, 4].map((offset) => source.promisedAt(offset))).toEqual([null, null, null]);
  });
});

test('what was held once can be asked for in any order', () => {
  const beat = { kind: 'heartbeat' } as const;
  const { pollAll, source } = opened(session('s1'), beat, session('s2'), beat, remove('s1'), beat);
  pollAll();
  const uids = (offset: number) => source.promisedAt(offset)?.sessions.map(({ uid }) => uid);
  expect([5, 1, 3].map(uids)).toEqual([['s2'], ['s1'], ['s1', 's2']]);
});
