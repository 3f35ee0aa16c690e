/**
 * Rows of the four source tables as Postgres holds them: columns by their SQL names, a moment as the
 * text that Debezium writes. And what becomes of a set of rows by a change, which is the same for
 * Postgres itself and for somebody who has been told of the change.
 */
import type {
  FinalRows,
  FinalSession,
  FinalStep,
} from '../../../processor/conversation/final-facts.ts';
import type { SourceTable } from '../../../processor/source/row-change.ts';

export type Cell = string | number | null;
export type Columns = Readonly<Record<string, Cell>>;

/** By rowId, in the order in which they were first inserted. */
export type Rows = ReadonlyMap<string, SourceRow>;

export type SourceRow = { readonly table: SourceTable; readonly columns: Columns };

/** One change of the WAL. `told` is what a listener hears of the row: large texts may be withheld. */
export type SourceChange = {
  readonly lsn: number;
  readonly table: SourceTable;
} & (
  | {
      readonly kind: 'write';
      readonly isNew: boolean;
      readonly id: string;
      readonly columns: Columns;
      readonly told: Columns;
    }
  | {
      readonly kind: 'rekey';
      readonly formerId: string;
      readonly former: Columns;
      readonly id: string;
      readonly columns: Columns;
      readonly told: Columns;
    }
  | { readonly kind: 'delete'; readonly id: string; readonly key: Columns }
  | { readonly kind: 'truncate' }
);

type TableShape = { readonly key: readonly string[]; readonly columns: readonly string[] };

const turnColumns = ['uid', 'session_uid', 'parent_uid', 'active_child'];

export const shapes: Readonly<Record<SourceTable, TableShape>> = {
  sessions: { key: ['uid'], columns: ['uid', 'account_uid', 'title'] },
  human_turns: { key: ['uid'], columns: [...turnColumns, 'prompt', 'created_at'] },
  agent_turns: { key: ['uid'], columns: [...turnColumns, 'created_at'] },
  steps: {
    key: ['agent_turn_uid', 'idx'],
    columns: ['agent_turn_uid', 'idx', 'tpe', 'content', 'created_at'],
  },
};

export function rowId(table: SourceTable, columns: Columns): string {
  return table === 'steps'
    ? `steps ${columns['agent_turn_uid']}/${columns['idx']}`
    : `${table} ${columns['uid']}`;
}

export function keyOf(table: SourceTable, columns: Columns): Columns {
  return table === 'steps'
    ? { agent_turn_uid: columns['agent_turn_uid'] ?? null, idx: columns['idx'] ?? null }
    : { uid: columns['uid'] ?? null };
}

export function applyChange(rows: Map<string, SourceRow>, change: SourceChange): void {
  const { table } = change;
  switch (change.kind) {
    case 'write':
      rows.set(change.id, { table, columns: change.columns });
      return;
    case 'rekey':
      rows.delete(change.formerId);
      rows.set(change.id, { table, columns: change.columns });
      return;
    case 'delete':
      rows.delete(change.id);
      return;
    case 'truncate':
      for (const [id, row] of rows) if (row.table === table) rows.delete(id);
  }
}

/** The moments that rows have, as Debezium writes them, and what they are in milliseconds. */
export const moments: ReadonlyMap<string, number | null> = new Map([
  ['2026-01-02T03:04:05.678901Z', Date.UTC(2026, 0, 2, 3, 4, 5, 678) + 0.901],
  ['2026-01-02T03:04:05.678902Z', Date.UTC(2026, 0, 2, 3, 4, 5, 678) + 0.902],
  ['2026-01-02T03:04:06.000000Z', Date.UTC(2026, 0, 2, 3, 4, 6)],
  ['2026-01-02T23:59:59.999999Z', Date.UTC(2026, 0, 2, 23, 59, 59, 999) + 0.999],
  ['2026-01-03T00:00:00.000000Z', Date.UTC(2026, 0, 3)],
  ['2026-02-01T12:00:00.500000Z', Date.UTC(2026, 1, 1, 12, 0, 0, 500)],
  ['1969-12-31T23:59:59.999999Z', -0.001],
  ['infinity', null],
]);

function instantOf(cell: Cell | undefined): number | null {
  if (cell === null || cell === undefined) return null;
  const instant = moments.get(String(cell));
  if (instant === undefined) throw new Error(`${cell} is none of the moments of the model`);
  return instant;
}

/** A turn as its row is: FinalRows has only those with a session. */
export type SourceTurn = {
  readonly uid: string;
  readonly sessionUid: string | null;
  readonly parentUid: string | null;
  readonly activeChild: string | null;
  readonly prompt: string | null;
  readonly createdAt: number | null;
};

export type SourceRows = {
  readonly sessions: readonly FinalSession[];
  readonly humanTurns: readonly SourceTurn[];
  readonly agentTurns: readonly SourceTurn[];
  readonly steps: readonly FinalStep[];
};

export function sourceRows(rows: Rows): SourceRows {
  const sessions: FinalSession[] = [];
  const humanTurns: SourceTurn[] = [];
  const agentTurns: SourceTurn[] = [];
  const steps: FinalStep[] = [];
  for (const { table, columns } of rows.values()) {
    if (table === 'sessions') sessions.push(sessionOf(columns));
    else if (table === 'human_turns') humanTurns.push(turnOf(columns));
    else if (table === 'agent_turns') agentTurns.push(turnOf(columns));
    else steps.push(stepOf(columns));
  }
  return { sessions, humanTurns, agentTurns, steps };
}

/** A turn without a session is no fact. */
export function finalRows(rows: Rows): FinalRows {
  const { sessions, humanTurns, agentTurns, steps } = sourceRows(rows);
  return {
    sessions,
    humanTurns: humanTurns.filter(isInSession),
    agentTurns: agentTurns.filter(isInSession),
    steps,
  };
}

function isInSession(turn: SourceTurn): turn is SourceTurn & { readonly sessionUid: string } {
  return turn.sessionUid !== null;
}

const text = (cell: Cell | undefined) => (cell === undefined ? null : (cell as string | null));
const whole = (cell: Cell | undefined) => (cell === undefined ? null : (cell as number | null));

function sessionOf(columns: Columns): FinalSession {
  return {
    uid: String(columns['uid']),
    accountUid: text(columns['account_uid']),
    title: text(columns['title']),
  };
}

function turnOf(columns: Columns): SourceTurn {
  return {
    uid: String(columns['uid']),
    sessionUid: text(columns['session_uid']),
    parentUid: text(columns['parent_uid']),
    activeChild: text(columns['active_child']),
    prompt: text(columns['prompt']),
    createdAt: instantOf(columns['created_at']),
  };
}

function stepOf(columns: Columns): FinalStep {
  return {
    agentTurnUid: String(columns['agent_turn_uid']),
    idx: Number(columns['idx']),
    tpe: whole(columns['tpe']),
    content: text(columns['content']),
    createdAt: instantOf(columns['created_at']),
  };
}
