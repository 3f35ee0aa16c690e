/** The model Postgres, and what becomes of its changes on their way: as the real ones were seen to do. */
import { describe, expect, test } from 'vitest';
import { unchangedPlaceholder } from '../../../processor/source/row.ts';
import { unchanged } from '../../../processor/source/row-change.ts';
import type { SourceAction, TransactionSlot } from './action.ts';
import {
  begin,
  commit,
  decoded,
  large,
  lsnsOf,
  opened,
  remove,
  rowsOf,
  session,
  step,
} from './playing.ts';

describe('transactions', () => {
  test('arrive in the order of their commits, their LSNs interleaved', async () => {
    const { log, pollAll, brief, source } = opened(
      begin(1),
      begin(2),
      session('s1', 1),
      session('s2', 2),
      session('s3', 1),
      commit(2),
      commit(1),
    );
    pollAll();
    expect(brief()).toEqual(['create sessions s2', 'create sessions s1', 'create sessions s3']);
    const [second, first, third] = lsnsOf(await decoded(log));
    expect(first).toBeLessThan(second!);
    expect(second).toBeLessThan(third!);
    expect(source.postgres.commits[0]!.lsn).toBeGreaterThan(third!);
  });

  test('that are rolled back take LSNs and never arrive', () => {
    const { pollAll, brief, source, act } = opened(begin(1), session('s1', 1));
    const before = source.postgres.insertLsn();
    act({ kind: 'rollback', tx: 1 }, session('s2'));
    pollAll();
    expect(brief()).toEqual(['create sessions s2']);
    expect(source.postgres.rowsNow().sessions).toHaveLength(1);
    expect(source.postgres.commits[0]!.changes[0]!.lsn).toBeGreaterThan(before);
  });

  test('do not touch a row or a new key that another one holds', () => {
    const { act } = opened(session('s1'), begin(1), session('s1', 1), session('s2', 1));
    expect(act(session('s1'), session('s2'), remove('s1'))).toEqual([false, false, false]);
    const rekeyed = { table: 'sessions', key: { uid: 's3' }, to: { uid: 's2' } } as const;
    expect(act(session('s3'), { kind: 'rekey', tx: 0, ...rekeyed })).toEqual([true, false]);
    expect(act(commit(1), session('s1'), remove('s2'))).toEqual([true, true, true]);
  });

  test('exclude TRUNCATE of a table that they have written, and are excluded by it', () => {
    const truncate = (tx: TransactionSlot) =>
      ({ kind: 'truncate', tx, tables: ['sessions'] }) satisfies SourceAction;
    const { act } = opened(begin(1), begin(2), session('s1', 1));
    expect(act(truncate(0), truncate(2), truncate(1))).toEqual([false, false, true]);
    expect(act(session('s5'), session('s6', 2), session('s7', 1))).toEqual([false, false, true]);
    expect(act(commit(1), session('s5'), truncate(0))).toEqual([true, true, true]);
  });

  test('see no row of before their own TRUNCATE', () => {
    const { act, pollAll, brief } = opened(session('s1'), session('s2'), begin(1));
    act({ kind: 'truncate', tx: 1, tables: ['sessions'] });
    const gone = { ...remove('s1'), tx: 1 } as const;
    expect(act(gone, session('s2', 1), { ...gone, key: { uid: 's2' } })).toEqual([
      false,
      true,
      true,
    ]);
    act(commit(1));
    pollAll();
    expect(brief().slice(2)).toEqual([
      'truncate sessions',
      'create sessions s2',
      'delete sessions s2',
    ]);
  });

  test('promise a token: what is committed is at or below it, what comes is above', () => {
    const { source, act } = opened(begin(1), session('s1', 1), commit(1));
    const token = source.postgres.insertLsn();
    expect(source.postgres.commits[0]!.lsn).toBeLessThanOrEqual(token);
    act(session('s2'));
    expect(source.postgres.commits[1]!.lsn).toBeGreaterThan(token);
    expect(source.postgres.rowsAt(token).sessions.map(({ uid }) => uid)).toEqual(['s1']);
    act({ kind: 'heartbeat' });
    expect(source.lastHeartbeatLsn).toBeGreaterThan(token);
  });
});

describe('changes', () => {
  test('of one COPY share an LSN, and no row has two with one LSN', async () => {
    const rows = [step(0), step(1), step(1), step(2)];
    const copy = { kind: 'copy', tx: 0, table: 'steps', rows } satisfies SourceAction;
    const { log, pollAll } = opened(copy, copy);
    pollAll();
    const records = await decoded(log);
    expect(rowsOf(records).map(({ change }) => change.key)).toEqual(
      [0, 1, 2].map((idx) => ({ agentTurnUid: 'a1', idx })),
    );
    expect(new Set(lsnsOf(records)).size).toBe(1);
  });

  test('are a create where there was no row, else an update', () => {
    const { pollAll, brief } = opened(session('s1'), session('s1'), remove('s1'), session('s1'));
    pollAll();
    expect(brief().map((each) => each.split(' ')[0])).toEqual([
      'create',
      'update',
      'delete',
      'create',
    ]);
  });

  test('of one row have rising LSNs, also when it moves back and forth in one transaction', async () => {
    const through = ['b', 'a', null];
    const move = { kind: 'move', tx: 0, table: 'sessions', key: { uid: 's1' }, through } as const;
    const { log, pollAll } = opened(session('s1'), move);
    pollAll();
    const records = await decoded(log);
    expect(
      rowsOf(records).map(({ change }) => change.table === 'sessions' && change.row?.accountUid),
    ).toEqual(['a', 'b', 'a', null]);
    const lsns = lsnsOf(records);
    expect(lsns).toEqual([...new Set(lsns)].sort((a, b) => a - b));
  });

  test('leave out a large text that an UPDATE did not set, and give it whenever it was set', async () => {
    const update = (set: object, key: object = { uid: 's1' }) =>
      ({ kind: 'update', tx: 0, table: 'sessions', key, set }) as SourceAction;
    const { log, pollAll } = opened(
      session('s1', 0, large),
      update({ account_uid: 'b' }),
      update({ title: large }),
      { kind: 'rekey', tx: 0, table: 'sessions', key: { uid: 's1' }, to: { uid: 's2' } },
      session('s3', 0, large.slice(1)),
      update({ account_uid: 'b' }, { uid: 's3' }),
    );
    pollAll();
    const titles = rowsOf(await decoded(log)).map(
      ({ change }) => change.table === 'sessions' && change.row?.title,
    );
    expect(titles).toEqual([large, unchanged, large, unchanged, large.slice(1), large.slice(1)]);
    expect(log[1]!.value!.includes(unchangedPlaceholder)).toBe(true);
  });

  test('of a key are a delete that names the new one and a create that names the old one', async () => {
    const { log, pollAll, words } = opened(
      { kind: 'copy', tx: 0, table: 'steps', rows: [step(2, 'content')] },
      {
        kind: 'rekey',
        tx: 0,
        table: 'steps',
        key: { agent_turn_uid: 'a1', idx: 2 },
        to: { agent_turn_uid: 'a2', idx: 3 },
      },
    );
    pollAll();
    expect(words().slice(1)).toEqual([
      'delete steps a1/2 (0/1000030, transaction 702)',
      'create steps a2/3 (0/1000030, transaction 702)',
    ]);
    expect(log.map(({ headers }) => headers)).toEqual([
      {},
      { '__debezium.newkey': '{"agent_turn_uid":"a2","idx":3}' },
      { '__debezium.oldkey': '{"agent_turn_uid":"a1","idx":2}' },
    ]);
    expect((await decoded(log)).slice(1)).toMatchObject([
      { kind: 'irrelevant' },
      {
        change: {
          operation: 'update',
          key: { agentTurnUid: 'a2', idx: 3 },
          formerKey: { agentTurnUid: 'a1', idx: 2 },
          row: { content: 'content' },
        },
      },
    ]);
  });

  test('that delete have the key and nothing else', async () => {
    const { log, pollAll } = opened(session('s1', 0, 'a title'), remove('s1'), remove('s1'));
    pollAll();
    expect(log).toHaveLength(2);
    expect(log[1]!.value!.includes('a title')).toBe(false);
    expect((await decoded(log))[1]).toMatchObject({
      change: { operation: 'delete', key: 's1', row: null },
    });
  });

  test('of a deleted session come before those of what hangs on it', () => {
    const turn = { session_uid: 's1', parent_uid: null, active_child: null, created_at: null };
    const { pollAll, brief } = opened(
      session('s1'),
      { kind: 'write', tx: 0, table: 'agent_turns', columns: { uid: 'a1', ...turn } },
      { kind: 'delete-tree', tx: 0, table: 'sessions', key: { uid: 's1' } },
    );
    pollAll();
    expect(brief().slice(2)).toEqual(['delete sessions s1', 'delete agent_turns a1']);
  });

  test('by TRUNCATE of several tables are one record each, with one LSN', () => {
    const tables = ['steps', 'sessions'] as const;
    const { pollAll, words } = opened({ kind: 'truncate', tx: 0, tables });
    pollAll();
    expect(words()).toEqual([
      'truncate steps (0/1000010, transaction 701)',
      'truncate sessions (0/1000010, transaction 701)',
    ]);
  });
});
