/**
 * Rows → facts: how a fact follows from its row and its neighbours' (the rules stand in fact.ts).
 * Pure functions; null where the entity is not present.
 */
import type { AgentTurnFact, HumanTurnFact, SessionFact, StepFact } from './fact.ts';
import type { SessionState, StepMark, StepState, TurnState } from './rows.ts';

export function accountOf(session: SessionState | null): string | null {
  return session?.present ? session.accountUid : null;
}

export function sessionFact(sessionUid: string, session: SessionState | null): SessionFact | null {
  if (!session?.present) return null;
  return {
    kind: 'session',
    uid: sessionUid,
    accountUid: session.accountUid,
    title: session.title,
    firstTurnAt: session.firstTurnAt,
    lastActivityAt: session.lastActivityAt,
    humanTurns: session.humanTurns,
    agentTurns: session.agentTurns,
    steps: session.steps,
  };
}

/** `parent`: the agent turn that it replies to; `answers`: the agent turns under it. */
export function humanTurnFact(
  sessionUid: string,
  session: SessionState | null,
  turn: TurnState | null,
  parent: TurnState | null,
  answers: number,
): HumanTurnFact | null {
  if (!turn?.present) return null;
  return {
    kind: 'humanTurn',
    uid: turn.uid,
    sessionUid,
    parentUid: turn.parentUid,
    activeChild: turn.activeChild,
    prompt: turn.prompt,
    createdAt: turn.createdAt,
    accountUid: accountOf(session),
    depth: turn.depth,
    answeredAt: parent?.present ? (parent.steps.last?.at ?? null) : null,
    answers,
    siblings: turn.ordinal,
  };
}

/** `parent`: its human turn. */
export function agentTurnFact(
  sessionUid: string,
  session: SessionState | null,
  turn: TurnState | null,
  parent: TurnState | null,
): AgentTurnFact | null {
  if (!turn?.present) return null;
  return {
    kind: 'agentTurn',
    uid: turn.uid,
    sessionUid,
    parentUid: turn.parentUid,
    activeChild: turn.activeChild,
    createdAt: turn.createdAt,
    accountUid: accountOf(session),
    depth: turn.depth,
    askedAt: askedAt(parent),
    steps: turn.steps.count,
    firstStepAt: turn.steps.first?.at ?? null,
    firstVisibleStepAt: turn.steps.firstVisible?.at ?? null,
    lastStepAt: turn.steps.last?.at ?? null,
    attempt: turn.ordinal + 1,
  };
}

/** What the steps of one turn have in common. */
export type StepContext = {
  readonly sessionUid: string;
  readonly accountUid: string | null;
  readonly humanTurnUid: string | null;
  readonly askedAt: number | null;
  readonly turnCreatedAt: number | null;
};

/** Null when the turn is not present: its steps are no facts then. */
export function stepContext(
  sessionUid: string,
  session: SessionState | null,
  turn: TurnState | null,
  parent: TurnState | null,
): StepContext | null {
  if (!turn?.present) return null;
  return {
    sessionUid,
    accountUid: accountOf(session),
    humanTurnUid: turn.parentUid,
    askedAt: askedAt(parent),
    turnCreatedAt: turn.createdAt,
  };
}

export function stepFact(
  step: StepState | null,
  previous: StepMark | null,
  context: StepContext | null,
): StepFact | null {
  if (!step?.present || context === null) return null;
  return {
    kind: 'step',
    agentTurnUid: step.turnUid,
    idx: step.idx,
    tpe: step.tpe,
    content: step.content,
    createdAt: step.createdAt,
    sessionUid: context.sessionUid,
    accountUid: context.accountUid,
    humanTurnUid: context.humanTurnUid,
    askedAt: context.askedAt,
    turnCreatedAt: context.turnCreatedAt,
    previousStepAt: previous?.at ?? null,
    previousStepTpe: previous?.tpe ?? null,
  };
}

function askedAt(parent: TurnState | null): number | null {
  return parent?.present ? parent.createdAt : null;
}

export function markOf(step: StepState): StepMark {
  return { idx: step.idx, at: step.createdAt, tpe: step.tpe };
}

/** Field by field: facts are flat. */
export function sameFact(a: object | null, b: object | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  for (const name in a) {
    if (a[name as keyof typeof a] !== b[name as keyof typeof b]) return false;
  }
  return true;
}
