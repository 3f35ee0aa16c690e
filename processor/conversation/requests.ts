/**
 * How the pure fold asks for what it does not hold: it is a generator that yields a request and is
 * resumed when the request is done. The sequencer answers from the store; a test answers from
 * memory. Nothing is yielded for what is known already, so the common change never waits.
 */
import type { Container, RowRef, SliceRef } from './container.ts';
import type { Side } from './known-steps.ts';
import type {
  ChildState,
  FamilyState,
  SessionState,
  StepState,
  TurnRole,
  TurnState,
} from './rows.ts';
import { noFamily } from './rows.ts';

export type Request =
  /** The workspace shall hold the container; with `fresh`, as it is in the store now. */
  | { readonly kind: 'container'; readonly name: string; readonly fresh: boolean }
  /** The container shall know the row. */
  | { readonly kind: 'row'; readonly container: Container; readonly ref: RowRef }
  /** The container shall know every row of the slice that is in the store. */
  | { readonly kind: 'slice'; readonly container: Container; readonly slice: SliceRef }
  /** Answered with the nearest step present in the store (a clean view), strictly beyond idx. */
  | {
      readonly kind: 'neighbour';
      readonly container: Container;
      readonly turnUid: string;
      readonly idx: number;
      readonly side: Side;
    }
  /** The workspace shall know the sessions that may hold the turn. */
  | { readonly kind: 'hints'; readonly role: TurnRole; readonly uid: string }
  /** All events so far acknowledged, the fence passed, all state so far written. */
  | { readonly kind: 'flush' }
  /**
   * The events so far shall be appended, no state: a change that tells more than memory should hold
   * is told in parts. Whoever folds it again tells the same events at the same positions.
   */
  | { readonly kind: 'publish' };

/** What a request is answered with: a neighbour, else nothing. */
export type Answer = StepState | null | undefined;

export type Fold<T> = Generator<Request, T, Answer>;

function* known<T>(
  container: Container,
  ref: RowRef,
  read: () => T | null | undefined,
): Fold<T | null> {
  const value = read();
  if (value !== undefined) return value;
  yield { kind: 'row', container, ref };
  return read() ?? null;
}

export function* sessionOf(container: Container): Fold<SessionState | null> {
  return yield* known(container, { kind: 'session' }, () => container.session());
}

export function* turnOf(container: Container, role: TurnRole, uid: string): Fold<TurnState | null> {
  return yield* known(container, { kind: 'turn', role, uid }, () => container.turn(role, uid));
}

export function* stepOf(
  container: Container,
  turnUid: string,
  idx: number,
): Fold<StepState | null> {
  return yield* known(container, { kind: 'step', turnUid, idx }, () =>
    container.step(turnUid, idx),
  );
}

export function* familyIn(container: Container, family: string): Fold<FamilyState> {
  const ref = { kind: 'family', family } as const;
  return (yield* known(container, ref, () => container.family(family))) ?? noFamily;
}

/** All present steps of a turn, by idx. */
export function* stepsOf(container: Container, turnUid: string): Fold<readonly StepState[]> {
  yield* stepsKnown(container, turnUid);
  return container.presentSteps(turnUid);
}

/** The container shall know all steps of the turn. */
export function* stepsKnown(container: Container, turnUid: string): Fold<void> {
  if (container.knowsStepsOf(turnUid)) return;
  yield { kind: 'slice', container, slice: { kind: 'steps', turnUid } };
}

/** All present turns of a family, in no order. */
export function* childrenOf(container: Container, family: string): Fold<ChildState[]> {
  if (!container.complete) yield { kind: 'slice', container, slice: { kind: 'family', family } };
  return container.presentChildren(family);
}

/** All present turns of a role in the session. */
export function* turnsOf(container: Container, role: TurnRole): Fold<readonly TurnState[]> {
  if (!container.complete) yield { kind: 'slice', container, slice: { kind: 'turns', role } };
  return [...container.presentTurns(role)];
}

/** The nearest present step of the turn strictly before or after idx, dirty ones included. */
export function* neighbourOf(
  container: Container,
  turnUid: string,
  idx: number,
  side: Side,
): Fold<StepState | null> {
  if (container.knowsStepsOf(turnUid)) return container.nearestStep(turnUid, idx, side);
  const sign = side === 'after' ? 1 : -1;
  let nearest: StepState | null = null;
  for (const step of container.unwrittenSteps(turnUid)) {
    if (!step.present || (step.idx - idx) * sign <= 0) continue;
    if (nearest === null || (nearest.idx - step.idx) * sign > 0) nearest = step;
  }
  let from = idx;
  for (;;) {
    const stored = yield { kind: 'neighbour', container, turnUid, idx: from, side };
    if (!stored) return nearest;
    if (nearest !== null && (stored.idx - nearest.idx) * sign >= 0) return nearest;
    // What is known here is newer than what is stored: it may be gone.
    const current = container.step(turnUid, stored.idx);
    if (current === undefined) return stored;
    if (current?.present) return current;
    from = stored.idx;
  }
}
