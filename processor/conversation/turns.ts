/**
 * Replacing a turn's row within its session, with all that follows from it: its place among its
 * siblings, depths below it, what its parent and children say of it, and the session's counts.
 */
import { settleDepth } from './depth.ts';
import type { Edit } from './edit.ts';
import { joinFamily, leaveFamily } from './families.ts';
import { childrenOf, type Fold, familyIn, sessionOf, turnOf, turnsOf } from './requests.ts';
import {
  familyOf,
  familyUnder,
  noSession,
  otherRole,
  type SessionState,
  type TurnState,
} from './rows.ts';

/** `next` comes with its columns and step summary; ordinal and depth are worked out here. */
export function* replaceTurn(edit: Edit, next: TurnState): Fold<void> {
  const { container } = edit;
  const { role, uid } = next;
  const former = yield* turnOf(container, role, uid);
  const was = former?.present ? former : null;
  const is = next.present ? next : null;
  const session = (yield* sessionOf(container)) ?? noSession;
  const below = yield* familyIn(container, familyUnder(otherRole(role), uid));
  const relinked = was?.parentUid !== is?.parentUid || (was === null) !== (is === null);

  edit.touchTurn(role, uid);
  const ordinal = yield* settleOrdinal(edit, was, is);
  const depth = relinked ? yield* settleDepth(edit, next) : next.depth;
  edit.put({ kind: 'turn', role, uid }, { ...next, ordinal, depth });
  if (role === 'agent') {
    yield* touchHumanTurn(edit, was);
    yield* touchHumanTurn(edit, is);
    if (was && is && (was.createdAt !== is.createdAt || relinked)) edit.touchStepsOf(uid);
  }
  if (below.count > 0 && (was?.createdAt !== is?.createdAt || !was || !is)) {
    yield* touchChildren(edit, next);
  }
  yield* settleSession(edit, session, was, is);
}

function* settleOrdinal(edit: Edit, was: TurnState | null, is: TurnState | null): Fold<number> {
  const same = was && is && was.createdAt === is.createdAt && was.parentUid === is.parentUid;
  if (same) return was.ordinal;
  if (was) {
    const child = { uid: was.uid, at: was.createdAt };
    yield* leaveFamily(edit, was.role, familyOf(was), child);
  }
  if (!is) return 0;
  return yield* joinFamily(edit, is.role, familyOf(is), { uid: is.uid, at: is.createdAt });
}

/** The human turn over an agent turn counts its answers. */
function* touchHumanTurn(edit: Edit, turn: TurnState | null): Fold<void> {
  if (turn === null || turn.parentUid === null) return;
  const parent = yield* turnOf(edit.container, 'human', turn.parentUid);
  if (parent?.present) edit.touchTurn('human', parent.uid);
}

/** Agent turns say when they were asked, and so do their steps; human turns when they were answered. */
export function* touchChildren(edit: Edit, turn: TurnState): Fold<void> {
  const role = otherRole(turn.role);
  for (const { uid } of yield* childrenOf(edit.container, familyUnder(role, turn.uid))) {
    edit.touchTurn(role, uid);
    if (role === 'agent') edit.touchStepsOf(uid);
  }
}

/** The session's counts and times after a turn's row changed; the row must be put already. */
export function* settleSession(
  edit: Edit,
  session: SessionState,
  was: TurnState | null,
  is: TurnState | null,
): Fold<void> {
  const role = (is ?? was)?.role;
  const change = (is ? 1 : 0) - (was ? 1 : 0);
  let next: SessionState = {
    ...session,
    humanTurns: session.humanTurns + (role === 'human' ? change : 0),
    agentTurns: session.agentTurns + (role === 'agent' ? change : 0),
    steps: session.steps + (is?.steps.count ?? 0) - (was?.steps.count ?? 0),
  };
  if (role === 'human') {
    const before = was?.createdAt ?? null;
    const after = is?.createdAt ?? null;
    const first = earliest(session.firstTurnAt, before, after);
    next = { ...next, firstTurnAt: first === 'ask' ? yield* firstTurnAt(edit) : first };
  }
  const latest = earliest(
    negative(session.lastActivityAt),
    negative(activityOf(was)),
    negative(activityOf(is)),
  );
  const last = latest === 'ask' ? yield* lastActivityAt(edit) : negative(latest);
  edit.put({ kind: 'session' }, { ...next, lastActivityAt: last });
}

/**
 * The least of a set after one member went from `before` to `after` (null: none): 'ask' when the
 * former least may have been the one that went.
 */
function earliest(
  least: number | null,
  before: number | null,
  after: number | null,
): number | null | 'ask' {
  if (before === after) return least;
  if (after !== null && (least === null || after <= least)) return after;
  return before !== null && before === least ? 'ask' : least;
}

function negative(at: number | null): number | null {
  return at === null ? null : -at;
}

function activityOf(turn: TurnState | null): number | null {
  if (turn === null) return null;
  const step = turn.steps.last?.at ?? null;
  if (turn.createdAt === null || step === null) return turn.createdAt ?? step;
  return Math.max(turn.createdAt, step);
}

function* firstTurnAt(edit: Edit): Fold<number | null> {
  let first: number | null = null;
  for (const { createdAt } of yield* turnsOf(edit.container, 'human')) {
    if (createdAt !== null && (first === null || createdAt < first)) first = createdAt;
  }
  return first;
}

function* lastActivityAt(edit: Edit): Fold<number | null> {
  let last: number | null = null;
  for (const role of ['human', 'agent'] as const) {
    for (const turn of yield* turnsOf(edit.container, role)) {
      const at = activityOf(turn);
      if (at !== null && (last === null || at > last)) last = at;
    }
  }
  return last;
}
