/** The simulated source, rule by rule: what the real Postgres and the real Debezium were seen to do. */
import { describe, expect, test } from 'vitest';
import { unchangedPlaceholder } from '../../../processor/source/row.ts';
import { type SourceRecord, unchanged } from '../../../processor/source/row-change.ts';
import { Dice } from '../dice.ts';
import type { SourceAction, TransactionSlot } from './action.ts';
import { decoded, open, play } from './playing.ts';
import { drawScript } from './script.ts';
import { inlineCharsMax } from './source.ts';
import { wordsOf } from './words.ts';

const large = 'x'.repeat(inlineCharsMax + 1);
const session = (uid: string, tx: TransactionSlot = 0, title: string | null = null) =>
  ({
    kind: 'write',
    tx,
    table: 'sessions',
    columns: { uid, account_uid: 'a', title },
  }) satisfies SourceAction;
const step = (idx: number, content: string | null = '') => ({
  agent_turn_uid: 'a1',
  idx,
  tpe: 1,
  content,
  created_at: null,
});
const begin = (tx: 1 | 2 | 3) => ({ kind: 'begin', tx }) satisfies SourceAction;
const commit = (tx: 1 | 2 | 3) => ({ kind: 'commit', tx }) satisfies SourceAction;
const remove = (uid: string) =>
  ({ kind: 'delete', tx: 0, table: 'sessions', key: { uid } }) satisfies SourceAction;

function opened(...actions: readonly SourceAction[]) {
  const played = open();
  const act = (...more: readonly SourceAction[]) => more.map((each) => played.source.act(each));
  const pollAll = () => {
    while (played.source.poll(100) > 0);
  };
  const words = () => played.log.map((_, offset) => played.source.wordsAt(offset) ?? 'not ours');
  /** Without LSN and transaction. */
  const brief = () => words().map((each) => each.replace(/ \(.*/, ''));
  act(...actions);
  return { ...played, act, pollAll, words, brief };
}

const rowsOf = (records: readonly (SourceRecord | null)[]) =>
  records.flatMap((record) => (record?.kind === 'row' ? [record] : []));
const lsnsOf = (records: readonly (SourceRecord | null)[]) =>
  rowsOf(records).map(({ origin }) => origin.lsn);

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

describe('a script', () => {
  const seeds = Array.from({ length: 60 }, (_, at) => at + 1);

  test('is the same, with the same bytes, for the same seed', () => {
    for (const seed of seeds) {
      const [one, other] = [drawScript(new Dice(seed)), drawScript(new Dice(seed))];
      expect(other).toEqual(one);
      expect(play(other, seed).log).toEqual(play(one, seed).log);
    }
  });

  test('is plain data, and survives JSON', () => {
    for (const seed of seeds) {
      const script = drawScript(new Dice(seed));
      expect(JSON.parse(JSON.stringify(script))).toEqual(script);
    }
  });

  test('is a script whatever is left out, and ends in a promise of all its rows', async () => {
    for (const seed of seeds) {
      const dice = new Dice(seed).forked('subset');
      const script = drawScript(new Dice(seed)).filter(() => dice.chance(0.5));
      const { source, log } = play(script, seed);
      expect(source.isIdle).toBe(true);
      const records = await decoded(log);
      const last = records.findLastIndex((record) => record?.kind === 'heartbeat');
      expect(source.promisedAt(last)).toEqual(source.postgres.rowsNow());
    }
  });

  test('can be read', () => {
    expect(wordsOf(session('s1', 2, large))).toBe(
      "T2: INSERT INTO sessions (uid 's1', account_uid 'a', title 'xxxxxxxxxxxxxxxxxxxx…' (40 characters)) ON CONFLICT DO UPDATE of all",
    );
    expect(wordsOf(crashOf(3))).toBe('the connector crashes and delivers the last 3 records again');
    for (const seed of seeds) {
      for (const action of drawScript(new Dice(seed))) {
        expect(wordsOf(action)).not.toMatch(/undefined|object/);
      }
    }
  });
});

const crashOf = (back: number) => ({ kind: 'connector-crash', back }) satisfies SourceAction;
