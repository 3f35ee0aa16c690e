/**
 * Facts: the current value of one source entity with the context that projections need from its
 * neighbours (DESIGN 3.3). A fact is a pure function of the final rows of its session:
 *
 * - Context comes from the same session only: a parent in another session counts as unknown.
 * - Steps of a turn are ordered by idx; turns under one parent by (createdAt, uid), null first.
 * - `depth` is 0 for a turn without a known parent, null on and below a cycle of parents.
 * - `siblings` (HumanTurn) and `attempt` (AgentTurn) say which of its parent's children a turn is:
 *   how many came before it (0: the first wording), respectively 1 for the first answer.
 * - What depends on an absent column or an unknown neighbour is null.
 *
 * Times are Instants (milliseconds, fraction = microseconds).
 */
import type { Instant } from '../source/instant.ts';

export type SessionFact = {
  readonly kind: 'session';
  readonly uid: string;
  readonly accountUid: string | null;
  readonly title: string | null;
  /** The earliest createdAt of its human turns. */
  readonly firstTurnAt: Instant | null;
  /** The latest of its turns' createdAt and its agent turns' lastStepAt. */
  readonly lastActivityAt: Instant | null;
  readonly humanTurns: number;
  readonly agentTurns: number;
  readonly steps: number;
};

export type HumanTurnFact = {
  readonly kind: 'humanTurn';
  readonly uid: string;
  readonly sessionUid: string;
  readonly parentUid: string | null;
  readonly activeChild: string | null;
  readonly prompt: string | null;
  readonly createdAt: Instant | null;
  readonly accountUid: string | null;
  readonly depth: number | null;
  /** When the agent turn that it replies to had its last step (the one of the highest idx). */
  readonly answeredAt: Instant | null;
  /** Agent turns under it. */
  readonly answers: number;
  /** Human turns of the same parent before it: above 0 for an edit. */
  readonly siblings: number;
};

export type AgentTurnFact = {
  readonly kind: 'agentTurn';
  readonly uid: string;
  readonly sessionUid: string;
  readonly parentUid: string | null;
  readonly activeChild: string | null;
  readonly createdAt: Instant | null;
  readonly accountUid: string | null;
  readonly depth: number | null;
  /** createdAt of its human turn. */
  readonly askedAt: Instant | null;
  readonly steps: number;
  /** createdAt of its step of the lowest idx; of the lowest visible one; of the highest. */
  readonly firstStepAt: Instant | null;
  readonly firstVisibleStepAt: Instant | null;
  readonly lastStepAt: Instant | null;
  /** 1 for the first answer to its human turn, 2 for the first regeneration, … */
  readonly attempt: number;
};

export type StepFact = {
  readonly kind: 'step';
  readonly agentTurnUid: string;
  readonly idx: number;
  readonly tpe: number | null;
  readonly content: string | null;
  readonly createdAt: Instant | null;
  readonly sessionUid: string;
  readonly accountUid: string | null;
  readonly humanTurnUid: string | null;
  readonly askedAt: Instant | null;
  readonly turnCreatedAt: Instant | null;
  /** The step of the next lower idx in its turn. */
  readonly previousStepAt: Instant | null;
  readonly previousStepTpe: number | null;
};

export type Facts = {
  readonly session: SessionFact;
  readonly humanTurn: HumanTurnFact;
  readonly agentTurn: AgentTurnFact;
  readonly step: StepFact;
};

export type FactKind = keyof Facts;
export type Fact = Facts[FactKind];

/** One fact's value on both sides of an event; null where it did not or does not exist. */
export type FactChange = {
  readonly [Kind in FactKind]: {
    readonly kind: Kind;
    readonly before: Facts[Kind] | null;
    readonly after: Facts[Kind] | null;
  };
}[FactKind];
