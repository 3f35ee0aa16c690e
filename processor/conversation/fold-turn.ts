/**
 * A change of a turn's row: within its session, into it (a new turn, with the steps that were
 * parked for it), out of it (deleted: its steps are parked), or from one session to another. The
 * last three carry rows between containers: see carry.ts.
 */
import type { EventType } from '../event/event.ts';
import type { TurnRow } from '../source/row-change.ts';
import { arrivalType, carry, dismiss } from './carry.ts';
import type { Container } from './container.ts';
import { hintedContainer, noSessionHint, sessionContainer } from './container-names.ts';
import { Edit } from './edit.ts';
import { containerOf, freshContainerOf, hintedContainers, parkedContainerOf } from './lookup.ts';
import { emitEdit, isExpected, lsnAfter, type Moment } from './moment.ts';
import { keptText, type Outcome, textOf } from './outcome.ts';
import { type Fold, stepsOf, turnOf } from './requests.ts';
import { noSteps, type TurnRole, type TurnState } from './rows.ts';
import { replaceTurn } from './turns.ts';
import type { Workspace } from './workspace.ts';

type Place = { readonly container: Container; readonly turn: TurnState };

/**
 * Where a turn is present, and the greatest LSN that is known of it. Whoever folds a change again after a
 * crash may find containers that are at or beyond it beside others that are not. To those it came later:
 * they are not the change's to take it away from, and what they know is no reason to leave out the others.
 */
type Whereabouts = {
  readonly behind: readonly Place[];
  readonly ahead: Place | null;
  readonly lsn: number;
  /** In containers that are behind. */
  readonly lsnBehind: number;
};

function* whereaboutsOf(
  role: TurnRole,
  uid: string,
  hinted: readonly Container[],
  moment: Moment,
): Fold<Whereabouts> {
  const behind: Place[] = [];
  let ahead: Place | null = null;
  let lsn = 0;
  let lsnBehind = 0;
  for (const container of hinted) {
    const turn = yield* turnOf(container, role, uid);
    const known = turn?.lsn ?? 0;
    const isBehind = container.position < moment.removal;
    lsn = Math.max(lsn, known);
    if (isBehind) lsnBehind = Math.max(lsnBehind, known);
    if (turn?.present !== true) continue;
    if (isBehind) behind.push({ container, turn });
    else ahead ??= { container, turn };
  }
  return { behind, ahead, lsn, lsnBehind };
}

export function* foldTurn(
  workspace: Workspace,
  role: TurnRole,
  uid: string,
  row: TurnRow | null,
  moment: Moment,
): Fold<Outcome> {
  const hinted = yield* hintedContainers(workspace, role, uid);
  const { behind: sources, ahead, ...known } = yield* whereaboutsOf(role, uid, hinted, moment);
  let { lsn, lsnBehind } = known;
  const home = sources[0] ?? ahead;
  const place = placeOf(role, uid, row, home?.container);
  const target = place === null ? null : yield* containerOf(workspace, place);
  if (target !== null && !hinted.includes(target)) {
    // No hint, so it is not present there; its LSN may be.
    if (moment.isNew) target.learn({ kind: 'turn', role, uid }, null);
    else {
      const there = (yield* turnOf(target, role, uid))?.lsn ?? 0;
      lsn = Math.max(lsn, there);
      if (target.position < moment.removal) lsnBehind = Math.max(lsnBehind, there);
    }
  }
  if (moment.sweep !== null && !(home && isExpected(moment, home.turn))) return 'same';
  // Not below or equal: what a crash left half done has its LSN in one of the containers already.
  if (!moment.isRead && moment.sweep === null && moment.origin.lsn < lsnBehind) return 'stale';

  const next = nextTurn(role, uid, row, home?.turn, moment, lsnAfter(moment, lsn));
  if (target === null) {
    for (const { container, turn } of sources) {
      yield* remove(workspace, container, turn, next, moment);
    }
    return sources.length > 0 ? 'applied' : 'stale';
  }
  const others = sources.filter(({ container }) => container !== target);
  return yield* settle(workspace, target, hinted, others, next, moment);
}

/**
 * The container that the turn is in after the change: none when it is gone, and for an agent turn
 * without a session, of which nothing needs to be kept.
 */
function placeOf(
  role: TurnRole,
  uid: string,
  row: TurnRow | null,
  source: Container | undefined,
): string | null {
  if (row === null) return null;
  const sessionUid = textOf(row.sessionUid, source?.isSession ? source.sessionUid : null);
  if (sessionUid !== null) return sessionContainer(sessionUid);
  return role === 'human' ? hintedContainer(role, uid, noSessionHint) : null;
}

function nextTurn(
  role: TurnRole,
  uid: string,
  row: TurnRow | null,
  home: TurnState | undefined,
  moment: Moment,
  lsn: number,
): TurnState {
  return {
    present: row !== null,
    lsn,
    seen: moment.isRead ? moment.arrival : (home?.seen ?? 0),
    role,
    uid,
    parentUid: row === null ? null : textOf(row.parentUid, home?.parentUid),
    activeChild: row === null ? null : textOf(row.activeChild, home?.activeChild),
    prompt: row === null ? keptText(moment, home?.prompt) : textOf(row.prompt, home?.prompt),
    createdAt: row?.createdAt ?? null,
    depth: home?.depth ?? null,
    ordinal: home?.ordinal ?? 0,
    steps: noSteps,
  };
}

/** The turn is gone: what is left of its steps waits for it in case that it comes back. */
function* remove(
  workspace: Workspace,
  container: Container,
  turn: TurnState,
  next: TurnState,
  moment: Moment,
): Fold<void> {
  const { role, uid } = turn;
  const gone: TurnState = { ...next, present: false };
  if (turn.steps.count > 0) {
    const parked = yield* parkedContainerOf(workspace, uid);
    yield* carry(workspace, { role, uid, from: container, to: parked, next: gone }, moment);
  } else if (!container.isSession) {
    dismiss(container, gone, moment);
  } else {
    const edit = new Edit(container);
    yield* replaceTurn(edit, gone);
    yield* emitEdit(workspace, edit, moment, moment.removal, 'TurnDeleted');
  }
  workspace.removeHintLater({ role, uid, sessionUid: container.hint, position: moment.removal });
}

/** The turn is in the session `target` after the change. */
function* settle(
  workspace: Workspace,
  held: Container,
  hinted: readonly Container[],
  others: readonly { readonly container: Container }[],
  next: TurnState,
  moment: Moment,
): Fold<Outcome> {
  const { role, uid } = next;
  const parked = role === 'agent' ? yield* parkedContainerOf(workspace, uid) : null;
  const target = yield* catchUp(workspace, held, hinted, parked, moment);
  const turn = yield* turnOf(target, role, uid);
  if (others.length === 0 && turn?.present) {
    if (target.position >= moment.arrival) {
      yield* finishRelease(workspace, parked, target, next, moment);
      return 'stale';
    }
    if (!target.isSession) return keepAside(target, next, moment);
    if (turn.lsn === next.lsn && !moment.isRead && moment.sweep === null) return 'stale';
    const edit = new Edit(target);
    yield* replaceTurn(edit, { ...next, steps: turn.steps });
    const type = updateType(turn, next);
    const after = yield* emitEdit(workspace, edit, moment, moment.arrival, type);
    return after > moment.arrival ? 'applied' : 'same';
  }
  workspace.addHint({ role, uid, sessionUid: target.hint, position: moment.arrival });
  const sources = others.map(({ container }) => container);
  if (sources.length === 0 && parked !== null && parked.position < moment.removal) {
    if ((yield* stepsOf(parked, uid)).length > 0) sources.push(parked);
  }
  for (const from of sources) {
    yield* carry(workspace, { role, uid, from, to: target, next }, moment);
    if (from === parked) continue;
    workspace.removeHintLater({ role, uid, sessionUid: from.hint, position: moment.removal });
  }
  if (sources.length > 0) return 'applied';
  if (target.position >= moment.arrival) return 'stale';
  if (!target.isSession) return keepAside(target, next, moment);
  const edit = new Edit(target);
  yield* replaceTurn(edit, next);
  yield* emitEdit(workspace, edit, moment, moment.arrival, arrivalType(role));
  return 'applied';
}

/** A former attempt has brought the turn's parked steps to it; they may still be where they were. */
function* finishRelease(
  workspace: Workspace,
  parked: Container | null,
  to: Container,
  next: TurnState,
  moment: Moment,
): Fold<void> {
  const { role, uid } = next;
  if (parked === null || parked.position >= moment.removal) return;
  if ((yield* stepsOf(parked, uid)).length === 0) return;
  yield* carry(workspace, { role, uid, from: parked, to, next }, moment);
}

/**
 * If any other container is at or beyond the change, a former attempt has come further than what
 * is held of the target: it is read again before anything is concluded from it.
 */
function* catchUp(
  workspace: Workspace,
  target: Container,
  hinted: readonly Container[],
  parked: Container | null,
  moment: Moment,
): Fold<Container> {
  if (target.position >= moment.arrival) return target;
  const others = parked === null ? hinted : [...hinted, parked];
  const ahead = others.some((other) => other !== target && other.position >= moment.removal);
  if (!ahead) return target;
  yield { kind: 'flush' };
  return yield* freshContainerOf(workspace, target.name);
}

function updateType(former: TurnState, next: TurnState): EventType {
  const only =
    former.activeChild !== next.activeChild &&
    former.parentUid === next.parentUid &&
    former.prompt === next.prompt &&
    former.createdAt === next.createdAt;
  if (only) return 'BranchSelected';
  return next.role === 'human' ? 'HumanTurnRevised' : 'AgentTurnRevised';
}

/** A human turn without a session is no fact; its row is kept for the day when it gets one. */
function keepAside(container: Container, next: TurnState, moment: Moment): Outcome {
  container.put({ kind: 'turn', role: next.role, uid: next.uid }, next);
  container.advance(moment.arrival);
  return 'same';
}
