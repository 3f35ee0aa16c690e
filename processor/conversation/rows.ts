/**
 * The rows of a container, as the fold sees them: immutable values, replaced whole. Beside the
 * source's columns each keeps what the fold derived, so that an append costs a constant number of
 * row reads however long the session is. sequencer/state-codec.ts stores them.
 *
 * `present` false: the entity was deleted or has left; its `lsn` stays for some days so that a
 * redelivered former change is known to be stale. `lsn` is 0 when only a snapshot saw the entity,
 * `seen` the position at which a snapshot last did (0: never).
 */
import type { Instant } from '../source/instant.ts';

type Entity = { readonly present: boolean; readonly lsn: number; readonly seen: number };

/** There is one as soon as the container holds a turn, present or not. */
export type SessionState = Entity & {
  readonly accountUid: string | null;
  readonly title: string | null;
  readonly firstTurnAt: Instant | null;
  readonly lastActivityAt: Instant | null;
  readonly humanTurns: number;
  readonly agentTurns: number;
  readonly steps: number;
};

export type TurnRole = 'human' | 'agent';

export type TurnState = Entity & {
  readonly role: TurnRole;
  readonly uid: string;
  readonly parentUid: string | null;
  readonly activeChild: string | null;
  /** Of a human turn. */
  readonly prompt: string | null;
  readonly createdAt: Instant | null;
  readonly depth: number | null;
  /** How many turns of the same parent come before it. */
  readonly ordinal: number;
  /** Of an agent turn; a human turn has none. */
  readonly steps: StepSummary;
};

/** What a turn knows of its present steps, by idx. */
export type StepSummary = {
  readonly count: number;
  readonly first: StepMark | null;
  readonly firstVisible: StepMark | null;
  readonly last: StepMark | null;
};

export type StepMark = {
  readonly idx: number;
  readonly at: Instant | null;
  readonly tpe: number | null;
};

export type StepState = Entity & {
  readonly turnUid: string;
  readonly idx: number;
  readonly tpe: number | null;
  readonly content: string | null;
  readonly createdAt: Instant | null;
};

/** The turns under one parent: how many, and the last by (createdAt, uid). */
export type FamilyState = {
  readonly count: number;
  readonly lastAt: Instant | null;
  readonly lastUid: string;
};

/** One of them; `present` false when it left. */
export type ChildState = {
  readonly uid: string;
  readonly at: Instant | null;
  readonly present: boolean;
};

export const noSteps: StepSummary = { count: 0, first: null, firstVisible: null, last: null };
export const noFamily: FamilyState = { count: 0, lastAt: null, lastUid: '' };

export const noSession: SessionState = {
  present: false,
  lsn: 0,
  seen: 0,
  accountUid: null,
  title: null,
  firstTurnAt: null,
  lastActivityAt: null,
  humanTurns: 0,
  agentTurns: 0,
  steps: 0,
};

/**
 * The key of the family that a turn belongs to: the turns of its role under its parent. Turns
 * without a parent form one family. A human turn's parent is an agent turn and the reverse; a uid
 * of the wrong table is an unknown parent.
 */
export function familyOf(turn: {
  readonly role: TurnRole;
  readonly parentUid: string | null;
}): string {
  return familyUnder(turn.role, turn.parentUid);
}

export function familyUnder(childRole: TurnRole, parentUid: string | null): string {
  return parentUid === null ? childRole : `${childRole}:${parentUid}`;
}

export function otherRole(role: TurnRole): TurnRole {
  return role === 'human' ? 'agent' : 'human';
}

/** The order of turns under one parent: (createdAt, uid), null first. */
export function compareChildren(
  a: { readonly at: Instant | null; readonly uid: string },
  b: { readonly at: Instant | null; readonly uid: string },
): number {
  const left = a.at ?? Number.NEGATIVE_INFINITY;
  const right = b.at ?? Number.NEGATIVE_INFINITY;
  if (left !== right) return left < right ? -1 : 1;
  return a.uid < b.uid ? -1 : a.uid > b.uid ? 1 : 0;
}
