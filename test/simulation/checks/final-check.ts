/**
 * The end of a history, when everything has come to rest: the events lead to the facts of the final
 * rows, every read model is the projection of these (I3, I8), the conversation state is the rows
 * themselves with what follows from them and nothing else, and hints lead to every turn.
 */
import {
  noSessionHint,
  parkedContainer,
  sessionContainer,
} from '../../../processor/conversation/container-names.ts';
import type { Fact } from '../../../processor/conversation/fact.ts';
import {
  type FinalSession,
  type FinalStep,
  type FinalTurn,
  factsOf,
} from '../../../processor/conversation/final-facts.ts';
import {
  compareChildren,
  type FamilyState,
  familyOf,
  type TurnRole,
} from '../../../processor/conversation/rows.ts';
import type { StoredRow, StoredTotalsRow } from '../../../processor/engine/read-out.ts';
import type { Projection } from '../../../processor/projection/projection.ts';
import { rowValueOf } from '../../../processor/sequencer/state-codec.ts';
import {
  type Breach,
  breachOf,
  type CheckContext,
  difference,
  factsByKey,
  shown,
  shownCells,
} from './check.ts';
import { readModelOfFacts } from './effects.ts';
import { differenceOfFacts, type EventsCheck } from './events-check.ts';
import { rowsDifference, visibleRows } from './shown-rows.ts';
import { entityOf, rowDifference, type StoredStateRow } from './state-rows.ts';

type Turn = Omit<FinalTurn, 'sessionUid'> & { readonly sessionUid: string | null };

/** The source's rows at the end; a turn may have no session. */
export type SourceTables = {
  readonly sessions: readonly FinalSession[];
  readonly humanTurns: readonly Turn[];
  readonly agentTurns: readonly Turn[];
  readonly steps: readonly FinalStep[];
};

export type FinalState = {
  readonly source: SourceTables;
  readonly models: readonly {
    readonly projection: Projection;
    /** All that is stored: rows of a map, totals of every shard. */
    readonly rows: readonly StoredRow[] | readonly StoredTotalsRow[];
  }[];
  /** All rows of `conversation_state`, with their texts. */
  readonly state: readonly { readonly container: string; readonly row: StoredStateRow }[];
  /** All rows of `turn_sessions`. */
  readonly hints: readonly {
    readonly role: TurnRole;
    readonly uid: string;
    readonly sessionUid: string;
  }[];
};

export function checkFinal(context: CheckContext, events: EventsCheck, end: FinalState): void {
  const breach = breachOf(context);
  const { source, models, state, hints } = end;
  const facts = factsOf({
    sessions: source.sessions,
    humanTurns: source.humanTurns.filter(isInSession),
    agentTurns: source.agentTurns.filter(isInSession),
    steps: source.steps,
  });
  const what = differenceOfFacts(events.facts(), facts);
  if (what !== null) breach('I3', `at the end, the facts of the events: ${what}`);
  for (const { projection, rows } of models) checkModel(breach, projection, rows, facts);
  checkState(breach, source, facts, state);
  checkFamilies(breach, source, state);
  checkHints(breach, source, hints);
}

function isInSession(turn: Turn): turn is FinalTurn {
  return turn.sessionUid !== null;
}

function checkModel(
  breach: Breach,
  projection: Projection,
  stored: readonly StoredRow[] | readonly StoredTotalsRow[],
  facts: readonly Fact[],
): void {
  const is = visibleRows(projection, stored);
  const must = readModelOfFacts(projection, facts);
  for (const [text, { key }] of [...must, ...is]) {
    const what = rowsDifference(projection, is.get(text), must.get(text));
    if (what === null) continue;
    breach('I3', `at the end, row ${shownCells(key)} of ${projection.name} ${what}`);
    return;
  }
}

/** Each present row where it belongs, saying what its fact says; parked and sessionless ones as they are. */
function checkState(
  breach: Breach,
  source: SourceTables,
  facts: readonly Fact[],
  state: FinalState['state'],
): void {
  const missing = new Map<string, Fact | FinalStep | Turn>();
  for (const [key, fact] of factsByKey(facts)) {
    const session = fact.kind === 'session' ? fact.uid : fact.sessionUid;
    missing.set(`${key} in ${sessionContainer(session)}`, fact);
  }
  const agents = new Set(source.agentTurns.filter(isInSession).map(({ uid }) => uid));
  for (const step of source.steps) {
    const { agentTurnUid: uid, idx } = step;
    if (!agents.has(uid)) missing.set(`step ${uid}/${idx} in ${parkedContainer(uid)}`, step);
  }
  for (const turn of source.humanTurns) {
    if (!isInSession(turn)) missing.set(`humanTurn ${turn.uid} in n:human:${turn.uid}`, turn);
  }
  for (const { container, row } of state) {
    const entity = entityOf(container, row);
    if (!row.present || entity === null) continue;
    const place = `${entity} in ${container}`;
    const must = missing.get(place);
    missing.delete(place);
    const what = must === undefined ? 'must not be there' : presentDifference(row, must);
    if (what !== null) breach('I3', `at the end, state of ${place}: ${what}`);
  }
  for (const place of missing.keys()) breach('I3', `at the end, state of ${place} is missing`);
}

function presentDifference(row: StoredStateRow, must: Fact | FinalStep | Turn): string | null {
  if ('kind' in must) return rowDifference(row, must);
  const is = { ...rowValueOf({ ...row, text: row.text ?? null, expires: false }) };
  const {
    agentTurnUid: _a,
    sessionUid: _s,
    ...columns
  } = { agentTurnUid: 0, sessionUid: 0, ...must };
  const wanted: Record<string, unknown> = columns;
  if (row.text === undefined) {
    delete wanted['content'];
    delete wanted['prompt'];
  }
  const found = is as unknown as Readonly<Record<string, unknown>>;
  const names = Object.keys(wanted);
  return difference(Object.fromEntries(names.map((name) => [name, found[name]])), wanted) || null;
}

/** The families that the fold keeps to rank turns: their members, number and last. */
function checkFamilies(breach: Breach, source: SourceTables, state: FinalState['state']): void {
  const members = new Map<string, { readonly uid: string; readonly at: number | null }[]>();
  const add = (role: TurnRole, turns: readonly Turn[]) => {
    for (const turn of turns.filter(isInSession)) {
      const family = `${familyOf({ role, parentUid: turn.parentUid })} in ${sessionContainer(turn.sessionUid)}`;
      const known = members.get(family) ?? [];
      members.set(family, [...known, { uid: turn.uid, at: turn.createdAt }]);
    }
  };
  add('human', source.humanTurns);
  add('agent', source.agentTurns);
  const children = new Map<string, string[]>();
  const families = new Map<string, FamilyState>();
  for (const { container, row } of state) {
    if (row.kind !== 'child' || !row.present) continue;
    const family = `${row.uid} in ${container}`;
    if (row.idx === 1) children.set(family, [...(children.get(family) ?? []), row.other]);
    else families.set(family, rowValueOf({ ...row, text: null, expires: false }) as FamilyState);
  }
  for (const family of new Set([...members.keys(), ...children.keys(), ...families.keys()])) {
    const must = (members.get(family) ?? []).sort(compareChildren);
    const uids = must.map(({ uid }) => uid).sort();
    const found = (children.get(family) ?? []).sort();
    const where = `at the end, family ${family}`;
    if (uids.join() !== found.join()) {
      breach('I3', `${where} has the members ${shown(found)}, must have ${shown(uids)}`);
    }
    const last = must.at(-1);
    const { count = 0, lastAt = null, lastUid = '' } = families.get(family) ?? {};
    const is = { count, lastAt, lastUid };
    const wanted = { count: must.length, lastAt: last?.at ?? null, lastUid: last?.uid ?? '' };
    const what = difference(is, wanted);
    if (what !== '') breach('I3', `${where}: ${what}`);
  }
}

/** A hint too many only costs a look; one too few loses the turn. */
function checkHints(breach: Breach, source: SourceTables, hints: FinalState['hints']): void {
  const known = new Set(hints.map((hint) => `${hint.role} ${hint.uid} ${hint.sessionUid}`));
  const require = (role: TurnRole, turns: readonly Turn[]) => {
    for (const { uid, sessionUid } of turns) {
      // Of an agent turn without a session nothing is kept.
      if (sessionUid === null && role === 'agent') continue;
      if (known.has(`${role} ${uid} ${sessionUid ?? noSessionHint}`)) continue;
      const place = sessionUid === null ? 'outside of sessions' : `in session ${sessionUid}`;
      breach('I3', `at the end, no hint leads to ${role} turn ${uid} ${place}`);
    }
  };
  require('human', source.humanTurns);
  require('agent', source.agentTurns);
}
