/**
 * The fold: one row change and the state become events and a new state (DESIGN 3.2). Pure: what it
 * needs it requests (requests.ts). A change is applied to each container that it concerns by that
 * container's own position, so that whatever a crash left half done is finished, and whatever is
 * done is skipped (I2).
 */
import { assertNever } from '../error.ts';
import type { RowChange } from '../source/row-change.ts';
import { foldSession } from './fold-session.ts';
import { foldStep } from './fold-step.ts';
import { foldTurn } from './fold-turn.ts';
import type { Moment } from './moment.ts';
import type { Outcome } from './outcome.ts';
import { resolveUnchanged } from './rekey.ts';
import type { Fold } from './requests.ts';
import type { Workspace } from './workspace.ts';

/** The identity before and after are two moments: see momentOf. */
export function* foldChange(
  workspace: Workspace,
  change: RowChange,
  moments: readonly [Moment, Moment],
): Fold<Outcome> {
  const { formerKey } = change;
  if (formerKey === null) return yield* foldOne(workspace, change, moments[0]);
  const whole = yield* resolveUnchanged(workspace, change);
  const gone = { ...change, operation: 'delete', key: formerKey, formerKey: null, row: null };
  const first = yield* foldOne(workspace, gone as RowChange, {
    ...moments[0],
    isRekey: true,
  });
  const come = { ...whole, operation: 'create', formerKey: null };
  const second = yield* foldOne(workspace, come as RowChange, moments[1]);
  return second === 'stale' || second === 'same' ? first : second;
}

function foldOne(workspace: Workspace, change: RowChange, moment: Moment): Fold<Outcome> {
  switch (change.table) {
    case 'sessions':
      return foldSession(workspace, change.key, change.row, moment);
    case 'human_turns':
      return foldTurn(workspace, 'human', change.key, change.row, moment);
    case 'agent_turns':
      return foldTurn(workspace, 'agent', change.key, change.row, moment);
    case 'steps':
      return foldStep(workspace, change.key, change.row, moment);
    default:
      return assertNever(change);
  }
}
