/**
 * Facts with ordinary values, for examples (spec.ts): an example names what it is about, and the
 * rest is filled in. The four defaults belong together: one session of account `account-1` with a
 * question at 10:00:00, an answer that starts a second later, and its first step at 10:00:02.
 */
import type {
  AgentTurnFact,
  Fact,
  FactChange,
  Facts,
  HumanTurnFact,
  SessionFact,
  StepFact,
} from '../conversation/fact.ts';
import { stepTypes } from '../conversation/step-type.ts';
import { type Instant, parseInstant } from '../source/instant.ts';

/** An ISO-8601 date-time with offset as an Instant. */
export function at(iso: string): Instant {
  const instant = parseInstant(iso);
  if (instant === undefined) throw new Error(`'${iso}' is no ISO-8601 date-time with offset`);
  return instant;
}

const askedAt = at('2024-11-22T10:00:00Z');
const startedAt = at('2024-11-22T10:00:01Z');
const firstStepAt = at('2024-11-22T10:00:02Z');

export function sessionFact(given: Partial<SessionFact> = {}): SessionFact {
  return {
    kind: 'session',
    uid: 'session-1',
    accountUid: 'account-1',
    title: 'A question',
    firstTurnAt: askedAt,
    lastActivityAt: firstStepAt,
    humanTurns: 1,
    agentTurns: 1,
    steps: 1,
    ...given,
  };
}

export function humanTurnFact(given: Partial<HumanTurnFact> = {}): HumanTurnFact {
  return {
    kind: 'humanTurn',
    uid: 'human-1',
    sessionUid: 'session-1',
    parentUid: null,
    activeChild: null,
    prompt: 'How far is the moon?',
    createdAt: askedAt,
    accountUid: 'account-1',
    depth: 0,
    answeredAt: null,
    answers: 1,
    siblings: 0,
    ...given,
  };
}

export function agentTurnFact(given: Partial<AgentTurnFact> = {}): AgentTurnFact {
  return {
    kind: 'agentTurn',
    uid: 'agent-1',
    sessionUid: 'session-1',
    parentUid: 'human-1',
    activeChild: null,
    createdAt: startedAt,
    accountUid: 'account-1',
    depth: 1,
    askedAt,
    steps: 1,
    firstStepAt,
    firstVisibleStepAt: firstStepAt,
    lastStepAt: firstStepAt,
    attempt: 1,
    ...given,
  };
}

export function stepFact(given: Partial<StepFact> = {}): StepFact {
  return {
    kind: 'step',
    agentTurnUid: 'agent-1',
    idx: 0,
    tpe: stepTypes.Text,
    content: '{"text":"384,400 km"}',
    createdAt: firstStepAt,
    sessionUid: 'session-1',
    accountUid: 'account-1',
    humanTurnUid: 'human-1',
    askedAt,
    turnCreatedAt: startedAt,
    previousStepAt: null,
    previousStepTpe: null,
    ...given,
  };
}

export function added(after: Fact): FactChange {
  return { kind: after.kind, before: null, after } as FactChange;
}

/** The same fact with other values. */
export function changed<F extends Fact>(
  before: F,
  values: Partial<Omit<Facts[F['kind']], 'kind'>>,
): FactChange {
  return { kind: before.kind, before, after: { ...before, ...values } } as unknown as FactChange;
}

export function removed(before: Fact): FactChange {
  return { kind: before.kind, before, after: null } as FactChange;
}
