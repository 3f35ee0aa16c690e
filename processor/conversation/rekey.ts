/**
 * An UPDATE of a row's identity comes as one change that says which columns it left alone: their
 * values are those of the former key's row. That row's tombstone keeps its large text for a while,
 * so that a crash between the going and the coming loses nothing.
 */
import { assertNever } from '../error.ts';
import { type RowChange, type TextColumn, unchanged } from '../source/row-change.ts';
import { sessionContainer } from './container-names.ts';
import { containerOf, hintedContainers, homeOf, parkedContainerOf } from './lookup.ts';
import { textOf } from './outcome.ts';
import { type Fold, sessionOf, stepOf, turnOf } from './requests.ts';
import type { TurnRole, TurnState } from './rows.ts';
import type { Workspace } from './workspace.ts';

/** The same change with nothing left unsaid. */
export function* resolveUnchanged(workspace: Workspace, change: RowChange): Fold<RowChange> {
  const { row, formerKey } = change;
  if (row === null || formerKey === null || !isPartial(row)) return change;
  switch (change.table) {
    case 'sessions': {
      const container = yield* containerOf(workspace, sessionContainer(change.formerKey ?? ''));
      const former = yield* sessionOf(container);
      const accountUid = textOf(change.row?.accountUid ?? null, former?.accountUid);
      const title = textOf(change.row?.title ?? null, former?.title);
      return { ...change, row: { uid: change.key, accountUid, title } };
    }
    case 'human_turns':
    case 'agent_turns': {
      const role = change.table === 'human_turns' ? 'human' : 'agent';
      return yield* resolveTurn(workspace, role, change);
    }
    case 'steps': {
      if (change.row === null || change.formerKey === null) return change;
      const { agentTurnUid, idx } = change.formerKey;
      const home = yield* homeOf(workspace, 'agent', agentTurnUid);
      const container = home ?? (yield* parkedContainerOf(workspace, agentTurnUid));
      const former = yield* stepOf(container, agentTurnUid, idx);
      return {
        ...change,
        row: { ...change.row, content: textOf(change.row.content, former?.content) },
      };
    }
    default:
      return assertNever(change);
  }
}

type TurnChange = Extract<RowChange, { table: 'human_turns' | 'agent_turns' }>;

function* resolveTurn(workspace: Workspace, role: TurnRole, change: TurnChange): Fold<RowChange> {
  const { row, formerKey } = change;
  if (row === null || formerKey === null) return change;
  let former: TurnState | null = null;
  let sessionUid: string | null = null;
  for (const container of yield* hintedContainers(workspace, role, formerKey)) {
    const turn = yield* turnOf(container, role, formerKey);
    if (turn === null || (former !== null && turn.lsn < former.lsn)) continue;
    former = turn;
    sessionUid = container.isSession ? container.sessionUid : null;
  }
  const resolved = {
    ...row,
    sessionUid: textOf(row.sessionUid, sessionUid),
    parentUid: textOf(row.parentUid, former?.parentUid),
    activeChild: textOf(row.activeChild, former?.activeChild),
    prompt: textOf(row.prompt, former?.prompt),
  };
  return { ...change, row: resolved };
}

function isPartial(row: object): boolean {
  return (Object.values(row) as readonly (TextColumn | number)[]).includes(unchanged);
}
