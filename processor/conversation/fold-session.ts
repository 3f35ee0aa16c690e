/**
 * A change of a session's row. Its account is context of everything in it: a move to another
 * account (the row's coming and going included) is a change of all its turns and steps.
 */
import type { EventType } from '../event/event.ts';
import type { SessionRow } from '../source/row-change.ts';
import { sessionContainer } from './container-names.ts';
import { Edit } from './edit.ts';
import { accountOf } from './facts.ts';
import { containerOf } from './lookup.ts';
import { emitEdit, isExpected, lsnAfter, type Moment } from './moment.ts';
import { keptText, type Outcome, textOf } from './outcome.ts';
import { type Fold, sessionOf, turnsOf } from './requests.ts';
import { noSession, type SessionState } from './rows.ts';
import type { Workspace } from './workspace.ts';

export function* foldSession(
  workspace: Workspace,
  uid: string,
  row: SessionRow | null,
  moment: Moment,
): Fold<Outcome> {
  const container = yield* containerOf(workspace, sessionContainer(uid));
  if (container.position >= moment.arrival) return 'stale';
  const former = (yield* sessionOf(container)) ?? noSession;
  if (moment.sweep !== null && !(former.present && isExpected(moment, former))) return 'same';
  if (!moment.isRead && moment.sweep === null && moment.origin.lsn <= former.lsn) return 'stale';

  const next: SessionState = {
    ...former,
    present: row !== null,
    lsn: lsnAfter(moment, former.lsn),
    seen: moment.isRead ? moment.arrival : former.seen,
    accountUid: row === null ? null : textOf(row.accountUid, former.accountUid),
    title: row === null ? keptText(moment, former.title) : textOf(row.title, former.title),
  };
  const edit = new Edit(container);
  edit.put({ kind: 'session' }, next);
  if (accountOf(former) !== accountOf(next)) yield* touchEverything(edit);
  const from = moment.arrival;
  const after = yield* emitEdit(workspace, edit, moment, from, typeOf(former, next));
  return after > from ? 'applied' : 'same';
}

function typeOf(former: SessionState, next: SessionState): EventType {
  if (!next.present) return 'SessionDeleted';
  if (!former.present) return 'SessionOpened';
  return former.accountUid === next.accountUid ? 'SessionRenamed' : 'SessionMoved';
}

function* touchEverything(edit: Edit): Fold<void> {
  for (const { uid } of yield* turnsOf(edit.container, 'human')) edit.touchTurn('human', uid);
  for (const turn of yield* turnsOf(edit.container, 'agent')) {
    edit.touchTurn('agent', turn.uid);
    if (turn.steps.count > 0) edit.touchStepsOf(turn.uid);
  }
}
