/**
 * Carrying a turn with its steps from one container to another: between sessions, out of the parked
 * ones, or into them. Everything before it is written, then the destination, then the source
 * (barriers.ts); its events the other way round, the removal at the lower positions. After a crash
 * each side is done by its own position, so a half-done move is finished.
 */
import type { EventType } from '../event/event.ts';
import type { Container } from './container.ts';
import { Edit } from './edit.ts';
import { markOf, stepFact } from './facts.ts';
import { emitEdit, type Moment } from './moment.ts';
import { type Fold, stepsOf } from './requests.ts';
import { sizeOf } from './row-size.ts';
import { noSteps, type StepState, type TurnRole, type TurnState } from './rows.ts';
import { summaryOf } from './steps.ts';
import { replaceTurn } from './turns.ts';
import type { Workspace } from './workspace.ts';

export type Move = {
  readonly role: TurnRole;
  readonly uid: string;
  /** Not at or beyond the change: there is nothing of it to carry. */
  readonly from: Container;
  readonly to: Container;
  /** The turn's row after the change, its steps left out; not present when it was deleted. */
  readonly next: TurnState;
};

export function* carry(workspace: Workspace, move: Move, moment: Moment): Fold<void> {
  const { from, to } = move;
  const steps = move.role === 'agent' ? yield* stepsOf(from, move.uid) : [];
  workspace.barriers.begin(moment, bytesOf(steps));
  yield* depart(workspace, move, steps, moment);
  if (to.position < moment.arrival) yield* arrive(workspace, move, steps, moment);
  workspace.barriers.end(moment);
  if (workspace.hasManyCarried) yield { kind: 'flush' };
}

function* depart(
  workspace: Workspace,
  { uid, role, from, to, next }: Move,
  steps: readonly StepState[],
  moment: Moment,
): Fold<void> {
  if (!from.isSession && role === 'human') {
    dismiss(from, next, moment);
    return;
  }
  const edit = new Edit(from);
  if (from.isSession) yield* addStepChanges(edit, uid, steps, 'gone');
  for (const step of steps) {
    edit.put({ kind: 'step', turnUid: uid, idx: step.idx }, absent(step));
  }
  if (!from.isSession) {
    from.advance(moment.removal);
    for (const step of steps) workspace.countParked(step, -1, moment.origin.committedAt);
    return;
  }
  yield* replaceTurn(edit, { ...next, role, uid, present: false, steps: noSteps });
  const type: EventType = to.isSession ? 'TurnDeparted' : 'TurnDeleted';
  yield* emitEdit(workspace, edit, moment, moment.removal, type);
}

function* arrive(
  workspace: Workspace,
  { uid, role, from, to, next }: Move,
  steps: readonly StepState[],
  moment: Moment,
): Fold<void> {
  const edit = new Edit(to);
  for (const step of steps) edit.put({ kind: 'step', turnUid: uid, idx: step.idx }, step);
  if (!to.isSession) {
    // A human turn without a session; an agent turn's row is not parked, its steps are.
    if (role === 'human') edit.put({ kind: 'turn', role, uid }, next);
    to.advance(moment.arrival);
    for (const step of steps) workspace.countParked(step, 1, moment.origin.committedAt);
    return;
  }
  yield* replaceTurn(edit, { ...next, steps: summaryOf(steps) });
  yield* addStepChanges(edit, uid, steps, 'come');
  const type = from.isSession ? 'TurnArrived' : arrivalType(role);
  yield* emitEdit(workspace, edit, moment, moment.arrival, type);
}

/** The facts of steps that are carried are on one side only. */
function* addStepChanges(
  edit: Edit,
  turnUid: string,
  steps: readonly StepState[],
  which: 'gone' | 'come',
): Fold<void> {
  const context = yield* edit.contextOf('after', turnUid);
  let previous: StepState | null = null;
  for (const step of steps) {
    const fact = stepFact(step, previous && markOf(previous), context);
    const [before, after] = which === 'gone' ? [fact, null] : [null, fact];
    edit.addStepChange({ kind: 'step', before, after });
    previous = step;
  }
}

function bytesOf(steps: readonly StepState[]): number {
  let bytes = 0;
  for (const step of steps) bytes += sizeOf(step);
  return bytes;
}

function absent(step: StepState): StepState {
  return { ...step, present: false, tpe: null, content: null, createdAt: null };
}

export function arrivalType(role: TurnRole): EventType {
  return role === 'human' ? 'HumanTurnAsked' : 'AgentTurnStarted';
}

/** A human turn that had no session leaves the container that kept its row. */
export function dismiss(container: Container, { role, uid, lsn }: TurnState, moment: Moment): void {
  if (container.position >= moment.removal) return;
  const former = container.turn(role, uid);
  if (former)
    container.put({ kind: 'turn', role, uid }, { ...former, present: false, prompt: null, lsn });
  container.advance(moment.removal);
}
