/**
 * Families: the turns of one role under one parent, in the order of (createdAt, uid). A turn's
 * ordinal is its rank; joining at the end (the common case) reads and writes one row beside the
 * turn's, anything else re-ranks the turns after it.
 */
import type { Edit } from './edit.ts';
import { childrenOf, type Fold, familyIn, turnOf } from './requests.ts';
import {
  type ChildState,
  compareChildren,
  type FamilyState,
  noFamily,
  type TurnRole,
} from './rows.ts';

type Child = { readonly uid: string; readonly at: number | null };

/** Adds a turn that is no member; answers its ordinal. */
export function* joinFamily(
  edit: Edit,
  role: TurnRole,
  family: string,
  child: Child,
): Fold<number> {
  const state = yield* familyIn(edit.container, family);
  const entry: ChildState = { ...child, present: true };
  if (state.count === 0 || compareChildren(child, { at: state.lastAt, uid: state.lastUid }) > 0) {
    edit.put({ kind: 'child', family, uid: child.uid }, entry);
    edit.put({ kind: 'family', family }, familyEndingWith(child, state.count + 1));
    return state.count;
  }
  const others = (yield* childrenOf(edit.container, family)).filter(({ uid }) => uid !== child.uid);
  const members = [...others, entry].sort(compareChildren);
  yield* rerank(edit, role, members, child.uid);
  edit.put({ kind: 'child', family, uid: child.uid }, entry);
  edit.put({ kind: 'family', family }, familyEndingWith(members.at(-1), members.length));
  return members.indexOf(entry);
}

export function* leaveFamily(edit: Edit, role: TurnRole, family: string, child: Child): Fold<void> {
  const container = edit.container;
  const gone: ChildState = { ...child, present: false };
  const state = yield* familyIn(container, family);
  if (state.count <= 1) {
    edit.put({ kind: 'child', family, uid: child.uid }, gone);
    edit.put({ kind: 'family', family }, noFamily);
    return;
  }
  const others = (yield* childrenOf(container, family)).filter(({ uid }) => uid !== child.uid);
  const members = others.sort(compareChildren);
  yield* rerank(edit, role, members, child.uid);
  edit.put({ kind: 'child', family, uid: child.uid }, gone);
  edit.put({ kind: 'family', family }, familyEndingWith(members.at(-1), members.length));
}

/** Every member is looked at: a former attempt, half written, may have set some ranks already. */
function* rerank(
  edit: Edit,
  role: TurnRole,
  members: readonly Child[],
  exceptUid: string,
): Fold<void> {
  for (const [rank, { uid }] of members.entries()) {
    if (uid === exceptUid) continue;
    const turn = yield* turnOf(edit.container, role, uid);
    if (!turn?.present || turn.ordinal === rank) continue;
    edit.put({ kind: 'turn', role, uid }, { ...turn, ordinal: rank });
    edit.touchTurn(role, uid);
  }
}

function familyEndingWith(last: Child | undefined, count: number): FamilyState {
  return last === undefined ? noFamily : { count, lastAt: last.at, lastUid: last.uid };
}
