/**
 * Replacing a step's row within a session that has its turn: the turn's summary, the step after it
 * (whose previous step it is), the human turns that answer its turn, the session's counts. A step
 * at the end of its turn, the common case, reads nothing but its turn and session.
 */
import type { Edit } from './edit.ts';
import { markOf, stepFact } from './facts.ts';
import type { Side } from './known-steps.ts';
import { turnStepsReadMax } from './limits.ts';
import { childrenOf, type Fold, familyIn, neighbourOf, sessionOf, stepsKnown } from './requests.ts';
import {
  familyUnder,
  noSession,
  type StepMark,
  type StepState,
  type StepSummary,
  type TurnState,
} from './rows.ts';
import { isVisible } from './step-type.ts';
import { settleSession } from './turns.ts';

/** `turn` is present; `former` is the step's row as it was (null: none). */
export function* replaceStep(
  edit: Edit,
  turn: TurnState,
  former: StepState | null,
  next: StepState,
): Fold<void> {
  const { container } = edit;
  const was = former?.present ? former : null;
  const is = next.present ? next : null;
  const { last } = turn.steps;
  const appended = last === null || next.idx > last.idx;
  if (!appended && turn.steps.count <= turnStepsReadMax) yield* stepsKnown(container, turn.uid);
  const session = (yield* sessionOf(container)) ?? noSession;
  const previous = appended ? last : yield* markBeside(edit, next, 'before');
  const after = appended ? null : yield* neighbourOf(container, turn.uid, next.idx, 'after');

  edit.put({ kind: 'step', turnUid: turn.uid, idx: next.idx }, next);
  const steps = yield* summarize(edit, turn.steps, was, is, previous, after && markOf(after));
  const nextTurn = { ...turn, steps };
  edit.put({ kind: 'turn', role: 'agent', uid: turn.uid }, nextTurn);
  edit.touchTurn('agent', turn.uid);

  const context = yield* edit.contextOf('after', turn.uid);
  edit.addStepChange({
    kind: 'step',
    before: stepFact(was, previous, context),
    after: stepFact(is, previous, context),
  });
  if (after) {
    edit.addStepChange({
      kind: 'step',
      before: stepFact(after, was ? markOf(was) : previous, context),
      after: stepFact(after, is ? markOf(is) : previous, context),
    });
  }
  if (turn.steps.last?.at !== steps.last?.at) yield* touchReplies(edit, turn.uid);
  yield* settleSession(edit, session, turn, nextTurn);
}

function* markBeside(edit: Edit, step: StepState, side: Side): Fold<StepMark | null> {
  const beside = yield* neighbourOf(edit.container, step.turnUid, step.idx, side);
  return beside && markOf(beside);
}

/** The human turns under an agent turn say when it was answered. */
function* touchReplies(edit: Edit, turnUid: string): Fold<void> {
  const family = familyUnder('human', turnUid);
  if ((yield* familyIn(edit.container, family)).count === 0) return;
  for (const { uid } of yield* childrenOf(edit.container, family)) edit.touchTurn('human', uid);
}

/** The summary after one step went from `was` to `is`; its row must be put already. */
function* summarize(
  edit: Edit,
  former: StepSummary,
  was: StepState | null,
  is: StepState | null,
  previous: StepMark | null,
  after: StepMark | null,
): Fold<StepSummary> {
  const mark = is && markOf(is);
  const idx = (is ?? was)?.idx;
  if (idx === undefined) return former;
  const count = former.count + (is ? 1 : 0) - (was ? 1 : 0);
  const first = previous === null ? (mark ?? after) : former.first;
  const last = after === null ? (mark ?? previous) : former.last;
  return { count, first, firstVisible: yield* firstVisible(edit, former, mark, idx, was), last };
}

function* firstVisible(
  edit: Edit,
  former: StepSummary,
  mark: StepMark | null,
  idx: number,
  was: StepState | null,
): Fold<StepMark | null> {
  const least = former.firstVisible;
  if (mark !== null && isVisible(mark.tpe)) {
    return least === null || idx <= least.idx ? mark : least;
  }
  if (least === null || least.idx !== idx || was === null) return least;
  let from = idx;
  for (;;) {
    const step = yield* neighbourOf(edit.container, was.turnUid, from, 'after');
    if (step === null) return null;
    if (isVisible(step.tpe)) return markOf(step);
    from = step.idx;
  }
}

/** The summary of steps given by idx. */
export function summaryOf(steps: readonly StepState[]): StepSummary {
  const first = steps[0];
  const last = steps.at(-1);
  const visible = steps.find(({ tpe }) => isVisible(tpe));
  return {
    count: steps.length,
    first: first ? markOf(first) : null,
    firstVisible: visible ? markOf(visible) : null,
    last: last ? markOf(last) : null,
  };
}
