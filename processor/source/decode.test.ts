import { describe, expect, it } from 'vitest';
import { type DecodeContext, decodeEnvelope, type Envelope, tableHeader } from './decode.ts';
import { type DecodeNote, unchangedPlaceholder } from './row.ts';
import { type SourceRecord, type SourceTable, unchanged } from './row-change.ts';

type Given = {
  readonly op: string;
  readonly table?: string;
  readonly before?: Record<string, unknown> | null;
  readonly after?: Record<string, unknown> | null;
  readonly snapshot?: string;
  readonly prefix?: string;
};

const notes: DecodeNote[] = [];

function decode(given: Given, context: Partial<DecodeContext> = {}): SourceRecord {
  notes.length = 0;
  const envelope: Envelope = {
    op: given.op,
    before: given.before ?? null,
    after: given.after ?? null,
    source: {
      ts_us: 1_795_362_204_844_023,
      snapshot: given.snapshot ?? 'false',
      table: given.table ?? '',
      txId: 743,
      lsn: 26_785_376,
    },
    ts_us: 1_795_362_205_137_406,
    ...(given.prefix === undefined ? {} : { message: { prefix: given.prefix } }),
  };
  return decodeEnvelope(envelope, {
    key: () => null,
    headers: {},
    heartbeatPrefix: 'turnstream',
    note: (note) => notes.push(note),
    cutAt: () => undefined,
    ...context,
  });
}

const origin = {
  lsn: 26_785_376,
  transactionId: 743,
  committedAt: 1_795_362_204_844.023,
  capturedAt: 1_795_362_205_137.406,
};

const session = { uid: 's1', account_uid: 'a', title: null };
const human = {
  uid: 'h1',
  session_uid: 's1',
  parent_uid: null,
  active_child: 'x',
  prompt: 'p',
  created_at: '2026-01-02T01:04:05.678901Z',
};
const step = {
  agent_turn_uid: 't1',
  idx: 3,
  tpe: 99,
  content: '{}',
  created_at: '2026-01-02T01:04:05.000000Z',
};

describe('a write', () => {
  it('carries the row, where it comes from and what it is', () => {
    expect(decode({ op: 'c', table: 'human_turns', after: human })).toEqual({
      kind: 'row',
      change: {
        table: 'human_turns',
        operation: 'create',
        key: 'h1',
        formerKey: null,
        row: {
          uid: 'h1',
          sessionUid: 's1',
          parentUid: null,
          activeChild: 'x',
          prompt: 'p',
          createdAt: Date.UTC(2026, 0, 2, 1, 4, 5, 678) + 0.901,
        },
      },
      origin,
      snapshot: null,
    });
  });

  it('of a step is keyed by turn and idx', () => {
    expect(decode({ op: 'u', table: 'steps', after: step })).toMatchObject({
      change: {
        operation: 'update',
        key: { agentTurnUid: 't1', idx: 3 },
        formerKey: null,
        row: { agentTurnUid: 't1', idx: 3, tpe: 99, content: '{}' },
      },
    });
  });

  it('reads a type that arrives as text, and notes one that is no number', () => {
    const read = (tpe: unknown) => decode({ op: 'c', table: 'steps', after: { ...step, tpe } });
    expect(read('7')).toMatchObject({ change: { row: { tpe: 7 } } });
    expect(read('seven')).toMatchObject({ change: { row: { tpe: null } } });
    expect(notes).toEqual([
      { table: 'steps', column: 'tpe', problem: 'not a number', text: 'seven' },
    ]);
  });

  it('has null for a moment that is none, and notes it', () => {
    const after = { ...step, created_at: 'infinity' };
    expect(decode({ op: 'c', table: 'steps', after })).toMatchObject({
      change: { row: { createdAt: null } },
    });
    expect(notes).toEqual([
      { table: 'steps', column: 'created_at', problem: 'not a moment', text: 'infinity' },
    ]);
  });

  it('has null for the columns that agent_turns lacks', () => {
    const after = { uid: 'a1', session_uid: 's1' };
    expect(decode({ op: 'c', table: 'agent_turns', after })).toMatchObject({
      change: {
        row: {
          uid: 'a1',
          sessionUid: 's1',
          parentUid: null,
          activeChild: null,
          prompt: null,
          createdAt: null,
        },
      },
    });
    expect(notes).toEqual([]);
  });

  it.each([
    ['sessions', { ...session, uid: null }, 'sessions: uid is null'],
    ['human_turns', { ...human, uid: null }, 'human_turns: uid is null'],
    ['steps', { ...step, agent_turn_uid: null }, 'steps: agent_turn_uid is null'],
    ['steps', { ...step, idx: null }, 'steps: idx is null'],
  ])('of %s without an identity is irrelevant and says why', (table, after, reason) => {
    expect(decode({ op: 'c', table, after })).toEqual({ kind: 'irrelevant', reason });
  });

  it('of another table is irrelevant', () => {
    expect(decode({ op: 'c', table: 'invoices', after: { uid: 'x' } })).toEqual({
      kind: 'irrelevant',
      reason: 'table invoices',
    });
  });
});

describe('a table with another name in Postgres', () => {
  const headers = { [tableHeader]: '"steps"' };
  const table = 'Message_parts';

  it('is the one that the header names, whatever the operation', () => {
    const written = decode({ op: 'c', table, after: step }, { headers });
    expect(written).toMatchObject({ kind: 'row', change: { table: 'steps', key: { idx: 3 } } });
    const key = { agent_turn_uid: 't1', idx: 3 };
    const deleted = decode({ op: 'd', table, before: key }, { headers });
    expect(deleted).toMatchObject({ change: { table: 'steps', operation: 'delete' } });
    expect(decode({ op: 't', table }, { headers })).toMatchObject({ tables: ['steps'] });
  });

  it('is believed over a name that is also one of ours', () => {
    const record = decode({ op: 'c', table: 'sessions', after: step }, { headers });
    expect(record).toMatchObject({ change: { table: 'steps' } });
  });

  it('is irrelevant without a header, and with one that names none of the four', () => {
    const reason = { kind: 'irrelevant', reason: `table ${table}` };
    expect(decode({ op: 'c', table, after: step })).toEqual(reason);
    for (const said of ['"orders"', 'steps', '']) {
      const other = { [tableHeader]: said };
      expect(decode({ op: 'c', table, after: step }, { headers: other })).toEqual(reason);
    }
  });
});

describe("Debezium's placeholder", () => {
  const after = { ...human, prompt: unchangedPlaceholder };

  it('means unchanged in an update', () => {
    expect(decode({ op: 'u', table: 'human_turns', after })).toMatchObject({
      change: { row: { prompt: unchanged } },
    });
  });

  it('is what somebody typed in a create and in a snapshot', () => {
    for (const op of ['c', 'r']) {
      expect(decode({ op, table: 'human_turns', after })).toMatchObject({
        change: { row: { prompt: unchangedPlaceholder } },
      });
    }
  });

  it('means unchanged in the create of a changed primary key', () => {
    const headers = { '__debezium.oldkey': '{"uid":"h0"}' };
    expect(decode({ op: 'c', table: 'human_turns', after }, { headers })).toMatchObject({
      change: { row: { prompt: unchanged } },
    });
  });
});

describe('a changed identity', () => {
  it('is one update with the former key: of the two records the create tells it', () => {
    const after = { ...step, idx: 5 };
    expect(
      decode(
        { op: 'c', table: 'steps', after },
        { headers: { '__debezium.oldkey': '{"agent_turn_uid":"t1","idx":3}' } },
      ),
    ).toMatchObject({
      change: {
        operation: 'update',
        key: { agentTurnUid: 't1', idx: 5 },
        formerKey: { agentTurnUid: 't1', idx: 3 },
      },
    });
    expect(
      decode(
        { op: 'd', table: 'steps', before: step },
        { headers: { '__debezium.newkey': '{"agent_turn_uid":"t1","idx":5}' } },
      ),
    ).toEqual({
      kind: 'irrelevant',
      reason: "steps: the former identity of the next record's row",
    });
  });

  it('is seen in an update that carries the former row', () => {
    const before = { ...human, uid: 'h0' };
    expect(decode({ op: 'u', table: 'human_turns', before, after: human })).toMatchObject({
      change: { operation: 'update', key: 'h1', formerKey: 'h0' },
    });
    expect(decode({ op: 'u', table: 'human_turns', before: human, after: human })).toMatchObject({
      change: { key: 'h1', formerKey: null },
    });
  });

  it('is a delete and a create when the primary key does not tell our rows apart', () => {
    const before = session;
    const newKey = { headers: { '__debezium.newkey': '{"id":2}' } };
    const oldKey = { headers: { '__debezium.oldkey': '{"id":1}' } };
    expect(decode({ op: 'd', table: 'sessions', before }, newKey)).toMatchObject({
      change: { operation: 'delete', key: 's1' },
    });
    expect(decode({ op: 'c', table: 'sessions', after: session }, oldKey)).toMatchObject({
      change: { operation: 'create', key: 's1', formerKey: null },
    });
  });
});

describe('a delete', () => {
  it('has the key alone, from the row before it', () => {
    const before = { agent_turn_uid: 't1', idx: 3, tpe: null, content: null, created_at: null };
    expect(decode({ op: 'd', table: 'steps', before })).toEqual({
      kind: 'row',
      change: {
        table: 'steps',
        operation: 'delete',
        key: { agentTurnUid: 't1', idx: 3 },
        formerKey: null,
        row: null,
      },
      origin,
      snapshot: null,
    });
  });

  it('takes the key of the record where the row before it is not told', () => {
    for (const before of [null, { ...session, uid: null }]) {
      expect(
        decode({ op: 'd', table: 'sessions', before }, { key: () => ({ uid: 's9' }) }),
      ).toMatchObject({ change: { operation: 'delete', key: 's9', row: null } });
    }
  });

  it('without any key is irrelevant', () => {
    expect(decode({ op: 'd', table: 'sessions' })).toMatchObject({ kind: 'irrelevant' });
  });
});

describe('the other records', () => {
  it.each(['sessions', 'human_turns', 'agent_turns', 'steps'] satisfies SourceTable[])(
    'a TRUNCATE names its table: %s',
    (table) => {
      expect(decode({ op: 't', table })).toEqual({ kind: 'truncate', tables: [table], origin });
    },
  );

  it('a message is a heartbeat by its prefix alone', () => {
    expect(decode({ op: 'm', prefix: 'turnstream' })).toEqual({ kind: 'heartbeat', origin });
    expect(decode({ op: 'm', prefix: 'other' })).toEqual({
      kind: 'irrelevant',
      reason: 'message prefix other',
    });
  });

  it('an operation that nobody knows is irrelevant', () => {
    expect(decode({ op: 'x', table: 'steps', after: step })).toMatchObject({ kind: 'irrelevant' });
  });

  it.each([
    ['first', 'first'],
    ['first_in_data_collection', 'inside'],
    ['true', 'inside'],
    ['last_in_data_collection', 'inside'],
    ['last', 'last'],
    ['false', null],
  ])('a row that a snapshot read as %s is marked %s', (snapshot, mark) => {
    expect(decode({ op: 'r', table: 'sessions', after: session, snapshot })).toMatchObject({
      change: { operation: 'read' },
      snapshot: mark,
    });
  });
});

describe('what is too large', () => {
  const step = { agent_turn_uid: 't', idx: 4, tpe: 1, content: 'abcde', created_at: null };

  it('is told of a text that is as long as the connector lets through', () => {
    const cutAt = (column: string) => (column === 'content' ? 5 : undefined);
    expect(decode({ op: 'c', table: 'steps', after: step }, { cutAt })).toMatchObject({
      change: { row: { content: 'abcde' } },
      cut: [{ row: 'steps agent_turn_uid t, idx 4', column: 'content', chars: 5 }],
    });
    const shorter = decode(
      { op: 'c', table: 'steps', after: { ...step, content: 'abcd' } },
      { cutAt },
    );
    expect('cut' in shorter).toBe(false);
  });

  it.each([
    [
      'steps',
      { ...step, agent_turn_uid: 'ü'.repeat(16_001) },
      'its agent_turn_uid has 32002 bytes',
    ],
    [
      'human_turns',
      { uid: 'h', parent_uid: 'p'.repeat(32_001) },
      'uid h at LSN 0/198B660: its parent_uid',
    ],
    ['sessions', { uid: 's', account_uid: 'a'.repeat(40_000) }, 'sessions uid s at LSN'],
  ] as const)(
    'an identifier of %s that no key can be is an error that names the row',
    (table, after, said) => {
      expect(() => decode({ op: 'u', table, after })).toThrow(said);
      expect(() => decode({ op: 'u', table, after })).toThrow(
        expect.objectContaining({ code: 'LIMIT' }),
      );
    },
  );

  it('an identifier of 32,000 bytes is kept', () => {
    const after = { uid: 'ü'.repeat(16_000) };
    expect(decode({ op: 'c', table: 'sessions', after })).toMatchObject({ kind: 'row' });
  });
});
