/**
 * What a batch of changes will most likely read, as far as it can be told from the changes alone.
 * A guess: too little costs a read of its own later, too much one read for nothing. Pure.
 */
import type { RowRef } from '../conversation/container.ts';
import { familyUnder, otherRole, type TurnRole } from '../conversation/rows.ts';
import { type RowChange, type TurnRow, unchanged } from '../source/row-change.ts';
import type { TurnId } from './state-store.ts';

export type Wanted = {
  readonly sessions: readonly string[];
  /** Rows in the session's container: a new turn has no hint yet. */
  readonly sessionRows: ReadonlyMap<string, readonly RowRef[]>;
  readonly turns: readonly TurnId[];
  /** Their parked steps may be asked for. */
  readonly parked: readonly string[];
  /** Agent turns of which steps change that are there already. */
  readonly steps: readonly string[];
  /** Rows in whatever container the turn is. */
  readonly rows: readonly {
    readonly turn: TurnId;
    readonly refs: readonly RowRef[];
  }[];
};

export function wantedBy(changes: readonly RowChange[]): Wanted {
  const sessions = new Set<string>();
  const sessionRows = new Map<string, RowRef[]>();
  const turns = new Map<string, { readonly turn: TurnId; readonly refs: RowRef[] }>();
  const want = (role: TurnRole, uid: string, refs: readonly RowRef[]) => {
    const key = `${role}:${uid}`;
    const held = turns.get(key);
    if (held === undefined) turns.set(key, { turn: { role, uid }, refs: [...refs] });
    else held.refs.push(...refs);
  };
  const seenTurns = new Set<string>();
  const parked = new Set<string>();
  const steps = new Set<string>();
  for (const change of changes) {
    if (change.table === 'sessions') sessions.add(change.key);
    else if (change.table === 'steps') {
      const { agentTurnUid: uid, idx } = change.key;
      // A step that is appended is not there yet, so nothing is read of it.
      if (change.operation !== 'create') want('agent', uid, [{ kind: 'step', turnUid: uid, idx }]);
      if (change.operation === 'read') parked.add(uid);
      else if (change.operation !== 'create') steps.add(uid);
      if (seenTurns.has(uid)) continue;
      seenTurns.add(uid);
      want('agent', uid, rowsAround('agent', uid));
    } else {
      const role = change.table === 'human_turns' ? 'human' : 'agent';
      if (change.row !== null) {
        const { sessionUid } = change.row;
        if (typeof sessionUid === 'string') {
          const refs = sessionRows.get(sessionUid) ?? [];
          sessionRows.set(sessionUid, [...refs, ...rowsOfNew(role, change.row)]);
          sessions.add(sessionUid);
        }
        wantParent(want, role, change.row);
      }
      want(role, change.key, rowsAround(role, change.key));
    }
  }
  const rows = [...turns.values()];
  return {
    sessions: [...sessions],
    sessionRows,
    turns: rows.map(({ turn }) => turn),
    parked: [...parked],
    steps: [...steps],
    rows,
  };
}

function rowsAround(role: TurnRole, uid: string): readonly RowRef[] {
  const family = familyUnder(otherRole(role), uid);
  return [{ kind: 'turn', role, uid }, { kind: 'session' }, { kind: 'family', family }];
}

function wantParent(
  want: (role: TurnRole, uid: string, refs: readonly RowRef[]) => void,
  role: TurnRole,
  { parentUid }: TurnRow,
): void {
  if (parentUid === null || parentUid === unchanged) return;
  want(otherRole(role), parentUid, [
    { kind: 'turn', role: otherRole(role), uid: parentUid },
    { kind: 'family', family: familyUnder(role, parentUid) },
    { kind: 'session' },
  ]);
}

/** What a turn that joins a session reads there: what it hangs on, and what hangs on it. */
function rowsOfNew(role: TurnRole, { uid, parentUid }: TurnRow): readonly RowRef[] {
  const parent = parentUid === unchanged ? null : parentUid;
  const above: RowRef[] = [{ kind: 'family', family: familyUnder(role, parent) }];
  if (parent !== null) above.push({ kind: 'turn', role: otherRole(role), uid: parent });
  return [...rowsAround(role, uid), ...above];
}
