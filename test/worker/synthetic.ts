/**
 * Events of answers that grow, at any volume: each session has questions, each question an answer
 * of five steps, and every step changes its turn, its session and itself, as the sequencer would
 * tell it. Contents have the median size of a text step (1,000 characters).
 */
import type {
  AgentTurnFact,
  Fact,
  FactChange,
  SessionFact,
} from '../../processor/conversation/fact.ts';
import type { ConversationEvent, EventType } from '../../processor/event/event.ts';
import {
  added,
  agentTurnFact,
  at,
  humanTurnFact,
  sessionFact,
  stepFact,
} from '../../processor/projection/facts.ts';
import type { Lsn } from '../../processor/source/lsn.ts';
import type { Position } from '../../processor/source/position.ts';

export type SyntheticEvent = { readonly partition: number; readonly event: ConversationEvent };
export type Synthetic = {
  readonly events: readonly SyntheticEvent[];
  readonly facts: readonly Fact[];
};

const stepsPerTurn = 5;
const content = `{"text":"${'The moon is far away. '.repeat(46)}"}`;

/** `committedAtMs` is the commit time of all of them. */
export function synthesise(turns: number, partitions: number, committedAtMs: number): Synthetic {
  const events: SyntheticEvent[] = [];
  const facts: Fact[] = [];
  const start = at('2024-11-22T10:00:00Z');
  for (let turn = 0; turn < turns; turn += 1) {
    const sessionUid = uid('5e55', turn);
    const accountUid = `account-${turn % 97}`;
    const agentTurnUid = uid('a6e7', turn);
    const humanTurnUid = uid('4a3a', turn);
    const askedAt = start + turn * 71.123;
    const tell = (type: EventType, changes: readonly FactChange[]) => {
      const position = (events.length * 1024) as Position;
      const event: ConversationEvent = {
        kind: 'event',
        position,
        lsn: position as number as Lsn,
        transactionId: turn,
        committedAt: committedAtMs,
        capturedAt: committedAtMs,
        type,
        sessionUid,
        changes,
      };
      events.push({ partition: turn % partitions, event });
    };
    let session: SessionFact = sessionFact({
      uid: sessionUid,
      accountUid,
      agentTurns: 1,
      steps: 0,
    });
    const human = humanTurnFact({ uid: humanTurnUid, sessionUid, accountUid, createdAt: askedAt });
    tell('HumanTurnAsked', [added(session), added(human)]);
    let answer: AgentTurnFact = agentTurnFact({
      uid: agentTurnUid,
      sessionUid,
      accountUid,
      parentUid: humanTurnUid,
      createdAt: askedAt + 400,
      askedAt,
      steps: 0,
      firstStepAt: null,
      firstVisibleStepAt: null,
      lastStepAt: null,
    });
    tell('AgentTurnStarted', [added(answer)]);
    for (let idx = 0; idx < stepsPerTurn; idx += 1) {
      const stepAt = (number: number) => askedAt + 1_000 + number * (231.017 + (turn % 300));
      const lengths = {
        content,
        tpe: (idx + turn) % 13,
        idx,
        agentTurnUid,
        sessionUid,
        accountUid,
      };
      const previousStepAt = idx === 0 ? null : stepAt(idx - 1);
      const step = stepFact({ ...lengths, humanTurnUid, createdAt: stepAt(idx), previousStepAt });
      const grown = {
        ...answer,
        steps: idx + 1,
        firstStepAt: stepAt(0),
        firstVisibleStepAt: stepAt(0),
        lastStepAt: stepAt(idx),
      };
      const later = { ...session, steps: idx + 1, lastActivityAt: stepAt(idx) };
      tell('StepRecorded', [
        added(step),
        { kind: 'agentTurn', before: answer, after: grown },
        { kind: 'session', before: session, after: later },
      ]);
      answer = grown;
      session = later;
      facts.push(step);
    }
    facts.push(session, human, answer);
  }
  return { events, facts };
}

function uid(prefix: string, number: number): string {
  return `0193512a-${prefix}-7000-8000-${number.toString(16).padStart(12, '0')}`;
}
