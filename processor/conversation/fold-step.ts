/**
 * A change of a step's row: at home in the session that has its turn, or parked with the other
 * steps of a turn that is unknown.
 */
import type { EventType } from '../event/event.ts';
import type { StepKey, StepRow } from '../source/row-change.ts';
import type { Container } from './container.ts';
import { Edit } from './edit.ts';
import { homeOf, knownStepLsn, parkedContainerOf } from './lookup.ts';
import { emitEdit, isExpected, lsnAfter, type Moment } from './moment.ts';
import { keptText, type Outcome, textOf } from './outcome.ts';
import { type Fold, stepOf, turnOf } from './requests.ts';
import type { StepState, TurnState } from './rows.ts';
import { replaceStep } from './steps.ts';
import type { Workspace } from './workspace.ts';

export function* foldStep(
  workspace: Workspace,
  key: StepKey,
  row: StepRow | null,
  moment: Moment,
): Fold<Outcome> {
  const { agentTurnUid: turnUid, idx } = key;
  const home = yield* homeOf(workspace, 'agent', turnUid, moment.arrival);
  const container = home ?? (yield* parkedContainerOf(workspace, turnUid));
  if (container.position >= moment.arrival) return 'stale';

  const turn = home && (yield* turnOf(home, 'agent', turnUid));
  const former = yield* formerStep(container, turn, key, moment);
  let known = former?.lsn ?? 0;
  if (!moment.isNew) known = Math.max(known, yield* knownStepLsn(workspace, turnUid, idx));
  if (moment.sweep !== null && !(former?.present && isExpected(moment, former))) return 'same';
  if (!moment.isRead && moment.sweep === null && moment.origin.lsn <= known) return 'stale';

  const next: StepState = {
    present: row !== null,
    lsn: lsnAfter(moment, known),
    seen: moment.isRead ? moment.arrival : (former?.seen ?? 0),
    turnUid,
    idx,
    tpe: row?.tpe ?? null,
    content:
      row === null ? keptText(moment, former?.content) : textOf(row.content, former?.content),
    createdAt: row?.createdAt ?? null,
  };
  if (home === null || turn === null) return park(workspace, container, former, next, moment);
  const edit = new Edit(home);
  // Only when it was seen is new: whatever hangs on it stays as it is.
  if (isSame(former, next)) edit.put({ kind: 'step', turnUid, idx }, next);
  else yield* replaceStep(edit, turn, former, next);
  const type = typeOf(former, next);
  const after = yield* emitEdit(workspace, edit, moment, moment.arrival, type);
  return after > moment.arrival ? 'applied' : 'same';
}

/**
 * The step's row as it was. A step beyond the last of its turn is not present; when no look for a
 * newer state is needed either, nothing is read: the cost of an append is constant.
 */
function* formerStep(
  container: Container,
  turn: TurnState | null,
  key: StepKey,
  moment: Moment,
): Fold<StepState | null> {
  const { last } = turn?.steps ?? { last: undefined };
  if (moment.isNew && (last === null || (last !== undefined && key.idx > last.idx))) return null;
  return yield* stepOf(container, key.agentTurnUid, key.idx);
}

/** To whoever reads facts: the same values, or none before and after. */
function isSame(former: StepState | null, next: StepState): boolean {
  if (former?.present !== true || !next.present) return former?.present !== true && !next.present;
  const { tpe, content, createdAt } = former;
  return tpe === next.tpe && content === next.content && createdAt === next.createdAt;
}

function park(
  workspace: Workspace,
  container: Container,
  former: StepState | null,
  next: StepState,
  moment: Moment,
): Outcome {
  container.put({ kind: 'step', turnUid: next.turnUid, idx: next.idx }, next);
  container.advance(moment.arrival);
  const { committedAt } = moment.origin;
  if (former?.present) workspace.countParked(former, -1, committedAt);
  if (next.present) workspace.countParked(next, 1, committedAt);
  return 'parked';
}

function typeOf(former: StepState | null, next: StepState): EventType {
  if (!next.present) return 'StepDeleted';
  return former?.present ? 'StepRevised' : 'StepRecorded';
}
