/**
 * Whether two facts say the same, column by column. Spelt out, since it runs for every fact at every
 * watermark: going over names takes ten times as long. The test beside this looks at every column.
 */
import type {
  AgentTurnFact,
  Fact,
  HumanTurnFact,
  SessionFact,
  StepFact,
} from '../../../processor/conversation/fact.ts';

export function sameFacts(one: Fact | null, other: Fact | null): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  switch (one.kind) {
    case 'session':
      return other.kind === 'session' && sameSession(one, other);
    case 'humanTurn':
      return other.kind === 'humanTurn' && sameTurn(one, other) && sameHumanTurn(one, other);
    case 'agentTurn':
      return other.kind === 'agentTurn' && sameTurn(one, other) && sameAgentTurn(one, other);
    case 'step':
      return other.kind === 'step' && sameStep(one, other);
  }
}

function sameSession(a: SessionFact, b: SessionFact): boolean {
  return (
    a.uid === b.uid &&
    a.accountUid === b.accountUid &&
    a.title === b.title &&
    a.firstTurnAt === b.firstTurnAt &&
    a.lastActivityAt === b.lastActivityAt &&
    a.humanTurns === b.humanTurns &&
    a.agentTurns === b.agentTurns &&
    a.steps === b.steps
  );
}

function sameTurn(a: HumanTurnFact | AgentTurnFact, b: HumanTurnFact | AgentTurnFact): boolean {
  return (
    a.uid === b.uid &&
    a.sessionUid === b.sessionUid &&
    a.parentUid === b.parentUid &&
    a.activeChild === b.activeChild &&
    a.createdAt === b.createdAt &&
    a.accountUid === b.accountUid &&
    a.depth === b.depth
  );
}

function sameHumanTurn(a: HumanTurnFact, b: HumanTurnFact): boolean {
  return (
    a.prompt === b.prompt &&
    a.answeredAt === b.answeredAt &&
    a.answers === b.answers &&
    a.siblings === b.siblings
  );
}

function sameAgentTurn(a: AgentTurnFact, b: AgentTurnFact): boolean {
  return (
    a.askedAt === b.askedAt &&
    a.steps === b.steps &&
    a.firstStepAt === b.firstStepAt &&
    a.firstVisibleStepAt === b.firstVisibleStepAt &&
    a.lastStepAt === b.lastStepAt &&
    a.attempt === b.attempt
  );
}

function sameStep(a: StepFact, b: StepFact): boolean {
  return (
    a.agentTurnUid === b.agentTurnUid &&
    a.idx === b.idx &&
    a.tpe === b.tpe &&
    a.content === b.content &&
    a.createdAt === b.createdAt &&
    a.sessionUid === b.sessionUid &&
    a.accountUid === b.accountUid &&
    a.humanTurnUid === b.humanTurnUid &&
    a.askedAt === b.askedAt &&
    a.turnCreatedAt === b.turnCreatedAt &&
    a.previousStepAt === b.previousStepAt &&
    a.previousStepTpe === b.previousStepTpe
  );
}
