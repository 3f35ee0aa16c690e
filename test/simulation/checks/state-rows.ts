/**
 * The sequencer's stored rows beside the facts that follow from them: a row of a session's container
 * at a position says what the entity's fact says after all events up to it (DESIGN 3.2, prefix).
 */
import type {
  AgentTurnFact,
  Fact,
  HumanTurnFact,
  SessionFact,
  StepFact,
} from '../../../processor/conversation/fact.ts';
import type { SessionState, StepState, TurnState } from '../../../processor/conversation/rows.ts';
import { rowValueOf } from '../../../processor/sequencer/state-codec.ts';
import type { StateRow } from '../../../processor/sequencer/state-store.ts';
import { difference } from './check.ts';

/** `text` undefined: it is stored apart, and nobody has looked. */
export type StoredStateRow = Omit<StateRow, 'text' | 'expires'> & {
  readonly text: string | null | undefined;
};

/** The entity's key as of check.ts; null for a row that is no entity (families). */
export function entityOf(container: string, row: StoredStateRow): string | null {
  switch (row.kind) {
    case 'session':
      return `session ${container.slice(2)}`;
    case 'humanTurn':
    case 'agentTurn':
      return `${row.kind} ${row.uid}`;
    case 'step':
      return `step ${row.uid}/${row.idx}`;
    case 'child':
      return null;
  }
}

/**
 * Both sides where the row says something else than the fact; null where they agree. The fact is that
 * of the entity within the container's session, null when there is none.
 */
export function rowDifference(row: StoredStateRow, fact: Fact | null): string | null {
  if (!row.present || fact === null) {
    if (row.present === (fact !== null)) return null;
    return row.present ? 'it is present, no event says so' : 'it is gone, no event says so';
  }
  const is = rowColumns(row);
  const must = factColumns(fact);
  if (row.text === undefined) {
    for (const column of ['title', 'prompt', 'content']) {
      delete is[column];
      delete must[column];
    }
  }
  const what = difference(is, must);
  return what === '' ? null : what;
}

type Columns = Record<string, unknown>;

function rowColumns(row: StoredStateRow): Columns {
  const value = rowValueOf({ ...row, text: row.text ?? null, expires: false });
  if (row.kind === 'session') {
    const { lsn: _lsn, seen: _seen, present: _present, ...columns } = value as SessionState;
    return columns;
  }
  if (row.kind === 'step') {
    const { tpe, content, createdAt } = value as StepState;
    return { tpe, content, createdAt };
  }
  const { parentUid, activeChild, prompt, createdAt, depth, ordinal, steps } = value as TurnState;
  const columns = { parentUid, activeChild, createdAt, depth, ordinal };
  if (row.kind === 'humanTurn') return { ...columns, prompt };
  return {
    ...columns,
    steps: steps.count,
    firstStepAt: steps.first?.at ?? null,
    firstVisibleStepAt: steps.firstVisible?.at ?? null,
    lastStepAt: steps.last?.at ?? null,
  };
}

function factColumns(fact: Fact): Columns {
  switch (fact.kind) {
    case 'session':
      return ofSession(fact);
    case 'humanTurn':
      return ofHumanTurn(fact);
    case 'agentTurn':
      return ofAgentTurn(fact);
    case 'step':
      return ofStep(fact);
  }
}

function ofSession({ kind: _kind, uid: _uid, ...columns }: SessionFact): Columns {
  return columns;
}

function ofHumanTurn(fact: HumanTurnFact): Columns {
  const { parentUid, activeChild, prompt, createdAt, depth, siblings } = fact;
  return { parentUid, activeChild, createdAt, depth, ordinal: siblings, prompt };
}

function ofAgentTurn(fact: AgentTurnFact): Columns {
  const { parentUid, activeChild, createdAt, depth, attempt, ...rest } = fact;
  const { steps, firstStepAt, firstVisibleStepAt, lastStepAt } = rest;
  const columns = { parentUid, activeChild, createdAt, depth, ordinal: attempt - 1 };
  return { ...columns, steps, firstStepAt, firstVisibleStepAt, lastStepAt };
}

function ofStep({ tpe, content, createdAt }: StepFact): Columns {
  return { tpe, content, createdAt };
}
