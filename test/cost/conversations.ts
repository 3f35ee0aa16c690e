/** Row changes of conversations that grow, as plain as they can be. */
import type { RowChange, StepRow } from '../../processor/source/row-change.ts';

const create = { operation: 'create', formerKey: null } as const;
const update = { operation: 'update', formerKey: null } as const;
const content = JSON.stringify({ text: 'lorem ipsum dolor sit amet '.repeat(12) });
const startMs = Date.parse('2026-03-01T00:00:00Z');

const humanUid = (session: string, turn: number) => `${session}-h${turn}`;
const agentUid = (session: string, turn: number) => `${session}-a${turn}`;

export function openSession(uid: string): RowChange {
  return { table: 'sessions', key: uid, row: { uid, accountUid: 'acc', title: uid }, ...create };
}

/** A question and its answer without steps, under the turn before it. */
export function addTurns(session: string, turn: number): readonly RowChange[] {
  const at = { sessionUid: session, activeChild: null, createdAt: startMs + turn * 60_000 };
  const [human, agent] = [humanUid(session, turn), agentUid(session, turn)];
  const parentUid = turn === 0 ? null : agentUid(session, turn - 1);
  const asked = { ...at, uid: human, parentUid, prompt: 'And what about the other one?' };
  const started = { ...at, uid: agent, parentUid: human, prompt: null };
  return [
    { table: 'human_turns', key: human, row: asked, ...create },
    { table: 'agent_turns', key: agent, row: started, ...create },
  ];
}

export function addStep(session: string, turn: number, idx: number): RowChange {
  const row = stepRow(session, turn, idx);
  return { table: 'steps', key: { agentTurnUid: row.agentTurnUid, idx }, row, ...create };
}

export function reviseStep(session: string, turn: number, idx: number): RowChange {
  const row = { ...stepRow(session, turn, idx), tpe: 3 };
  return { table: 'steps', key: { agentTurnUid: row.agentTurnUid, idx }, row, ...update };
}

function stepRow(session: string, turn: number, idx: number): StepRow {
  const createdAt = startMs + turn * 60_000 + 1_000 + idx;
  return { agentTurnUid: agentUid(session, turn), idx, tpe: 1 + (idx % 5), content, createdAt };
}

/** A session with so many turns of so many steps each. */
export function* conversation(
  session: string,
  turns: number,
  stepsPerTurn: number,
): Generator<RowChange> {
  yield openSession(session);
  for (let turn = 0; turn < turns; turn += 1) {
    yield* addTurns(session, turn);
    for (let idx = 0; idx < stepsPerTurn; idx += 1) yield addStep(session, turn, idx);
  }
}
