/**
 * What a batch of changes will most likely read, as far as it can be told from the changes alone.
 * A guess: too little costs a read of its own later, too much one read for nothing. Pure.
 */
import type { RowRef } from '../conversation/container.ts';
import { familyUnder, type TurnRole } from '../conversation/rows.ts';
import { type RowChange, type TextColumn, type TurnRow, unchanged } from '../source/row-change.ts';

export type Wanted = {
  readonly sessions: readonly string[];
  readonly turns: readonly { readonly role: TurnRole; readonly uid: string }[];
  /** Rows in whatever container the turn is. */
  readonly rows: readonly {
    readonly turn: { readonly role: TurnRole; readonly uid: string };
    readonly refs: readonly RowRef[];
  }[];
};

type TurnWant = Wanted['rows'][number];

export function wantedBy(changes: readonly RowChange[]): Wanted {
  const sessions = new Set<string>();
  const turns = new Map<string, TurnWant>();
  const want = (role: TurnRole, uid: string, refs: readonly RowRef[]) => {
    const key = `${role}:${uid}`;
    const held = turns.get(key);
    turns.set(key, { turn: { role, uid }, refs: held ? [...held.refs, ...refs] : refs });
  };
  const seenTurns = new Set<string>();
  for (const change of changes) {
    if (change.table === 'sessions') sessions.add(change.key);
    else if (change.table === 'steps') {
      const uid = change.key.agentTurnUid;
      if (seenTurns.has(uid)) continue;
      seenTurns.add(uid);
      want('agent', uid, rowsAround('agent', uid));
    } else {
      const role = change.table === 'human_turns' ? 'human' : 'agent';
      if (change.row !== null) {
        addText(sessions, change.row.sessionUid);
        wantParent(want, role, change.row);
      }
      want(role, change.key, rowsAround(role, change.key));
    }
  }
  const rows = [...turns.values()];
  return { sessions: [...sessions], turns: rows.map(({ turn }) => turn), rows };
}

function rowsAround(role: TurnRole, uid: string): readonly RowRef[] {
  const family = familyUnder(role === 'human' ? 'agent' : 'human', uid);
  return [{ kind: 'turn', role, uid }, { kind: 'session' }, { kind: 'family', family }];
}

function wantParent(
  want: (role: TurnRole, uid: string, refs: readonly RowRef[]) => void,
  role: TurnRole,
  { parentUid }: TurnRow,
): void {
  if (parentUid === null || parentUid === unchanged) return;
  want(role === 'human' ? 'agent' : 'human', parentUid, [
    { kind: 'turn', role: role === 'human' ? 'agent' : 'human', uid: parentUid },
    { kind: 'family', family: familyUnder(role, parentUid) },
    { kind: 'session' },
  ]);
}

function addText(to: Set<string>, column: TextColumn): void {
  if (typeof column === 'string') to.add(column);
}
