/**
 * Depth: 0 without a known parent, the parent's plus 1 below one, null on and below a cycle. A new
 * leaf costs one row read; a turn that has turns below it takes them along.
 */
import type { Edit } from './edit.ts';
import { childrenOf, type Fold, familyIn, turnOf } from './requests.ts';
import { familyUnder, otherRole, type TurnRole, type TurnState } from './rows.ts';

type Node = { readonly role: TurnRole; readonly uid: string; readonly level: number };

/**
 * The depth of a turn after a change of its parent or its presence; sets the depth of every turn
 * below it. `turn` is its new row (present or not); its depth is not looked at.
 */
export function* settleDepth(edit: Edit, turn: TurnState): Fold<number | null> {
  const below = yield* turnsBelow(edit, turn);
  const above = turn.present && turn.parentUid !== null ? turn.parentUid : null;
  const role = otherRole(turn.role);
  const parent = above === null ? null : yield* turnOf(edit.container, role, above);
  const inCycle = below.some((node) => node.role === role && node.uid === above);
  const depth = inCycle ? null : parent?.present ? next(parent.depth) : 0;
  for (const node of below) {
    const row = yield* turnOf(edit.container, node.role, node.uid);
    if (!row?.present) continue;
    // An absent turn's children are roots: their level counts from 1.
    const top = turn.present ? depth : -1;
    edit.put(
      { kind: 'turn', role: node.role, uid: node.uid },
      { ...row, depth: top === null ? null : top + node.level },
    );
    edit.touchTurn(node.role, node.uid);
  }
  return depth;
}

function next(depth: number | null): number | null {
  return depth === null ? null : depth + 1;
}

/** Every turn below, once, level by level; not the turn itself, even in a cycle. */
function* turnsBelow(edit: Edit, turn: TurnState): Fold<readonly Node[]> {
  const found: Node[] = [];
  const seen = new Set([`${turn.role}:${turn.uid}`]);
  const queue: Node[] = [{ role: turn.role, uid: turn.uid, level: 0 }];
  for (let at = 0; at < queue.length; at += 1) {
    const { role, uid, level } = queue[at] as Node;
    const childRole = otherRole(role);
    const family = familyUnder(childRole, uid);
    if ((yield* familyIn(edit.container, family)).count === 0) continue;
    for (const child of yield* childrenOf(edit.container, family)) {
      const key = `${childRole}:${child.uid}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const node = { role: childRole, uid: child.uid, level: level + 1 };
      found.push(node);
      queue.push(node);
    }
  }
  return found;
}
