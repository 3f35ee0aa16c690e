/**
 * All facts of the final rows, worked out from scratch: what the fold must have arrived at (I3),
 * and what verification compares with. Straightforward on purpose; it shares no code with the fold
 * but the order of siblings and which step types are visible. What it takes grows with the rows alone:
 * verification reads sessions of any length.
 */
import { groupedBy } from '../grouped-by.ts';
import type { Instant } from '../source/instant.ts';
import type { AgentTurnFact, Fact, HumanTurnFact, SessionFact, StepFact } from './fact.ts';
import { compareChildren } from './rows.ts';
import { isVisible } from './step-type.ts';

export type FinalSession = {
  readonly uid: string;
  readonly accountUid: string | null;
  readonly title: string | null;
};

export type FinalTurn = {
  readonly uid: string;
  readonly sessionUid: string;
  readonly parentUid: string | null;
  readonly activeChild: string | null;
  readonly prompt: string | null;
  readonly createdAt: Instant | null;
};

export type FinalStep = {
  readonly agentTurnUid: string;
  readonly idx: number;
  readonly tpe: number | null;
  readonly content: string | null;
  readonly createdAt: Instant | null;
};

export type FinalRows = {
  readonly sessions: readonly FinalSession[];
  readonly humanTurns: readonly FinalTurn[];
  readonly agentTurns: readonly FinalTurn[];
  readonly steps: readonly FinalStep[];
};

export function factsOf(rows: FinalRows): Fact[] {
  const world = worldOf(rows);
  return [
    ...rows.sessions.map((session) => sessionFact(session, world)),
    ...rows.humanTurns.map((turn) => humanTurnFact(turn, world)),
    ...rows.agentTurns.map((turn) => agentTurnFact(turn, world)),
    ...rows.steps.flatMap((step) => stepFact(step, world)),
  ];
}

/** Turns of one role. */
type Role = {
  readonly byUid: ReadonlyMap<string, FinalTurn>;
  readonly bySession: ReadonlyMap<string, readonly FinalTurn[]>;
  /** Those of one session with one parent, in the order of siblings, by `familyOf`. */
  readonly families: ReadonlyMap<string, readonly FinalTurn[]>;
  readonly ranks: ReadonlyMap<FinalTurn, number>;
};

type World = {
  readonly accounts: ReadonlyMap<string, string | null>;
  readonly humans: Role;
  readonly agents: Role;
  /** By idx. */
  readonly stepsByTurn: ReadonlyMap<string, readonly FinalStep[]>;
  readonly previous: ReadonlyMap<FinalStep, FinalStep>;
  /** As far as it was asked for. */
  readonly depths: Map<FinalTurn, number | null>;
};

function worldOf(rows: FinalRows): World {
  const stepsByTurn = groupedBy(rows.steps, ({ agentTurnUid }) => agentTurnUid);
  const previous = new Map<FinalStep, FinalStep>();
  for (const steps of stepsByTurn.values()) {
    steps.sort((a, b) => a.idx - b.idx);
    let before: FinalStep | undefined;
    for (const step of steps) {
      if (before !== undefined) previous.set(step, before);
      before = step;
    }
  }
  return {
    accounts: new Map(rows.sessions.map(({ uid, accountUid }) => [uid, accountUid])),
    humans: roleOf(rows.humanTurns),
    agents: roleOf(rows.agentTurns),
    stepsByTurn,
    previous,
    depths: new Map(),
  };
}

function roleOf(turns: readonly FinalTurn[]): Role {
  const families = groupedBy(turns, ({ sessionUid, parentUid }) => familyOf(sessionUid, parentUid));
  const ranks = new Map<FinalTurn, number>();
  for (const family of families.values()) {
    family.sort((a, b) =>
      compareChildren({ uid: a.uid, at: a.createdAt }, { uid: b.uid, at: b.createdAt }),
    );
    for (const [rank, turn] of family.entries()) ranks.set(turn, rank);
  }
  return {
    byUid: new Map(turns.map((turn) => [turn.uid, turn])),
    bySession: groupedBy(turns, ({ sessionUid }) => sessionUid),
    families,
    ranks,
  };
}

function familyOf(sessionUid: string, parentUid: string | null): string {
  return JSON.stringify([sessionUid, parentUid]);
}

/** The parent in the same session, of the other role. */
function parentOf(turn: FinalTurn, parents: Role): FinalTurn | undefined {
  const parent = turn.parentUid === null ? undefined : parents.byUid.get(turn.parentUid);
  return parent?.sessionUid === turn.sessionUid ? parent : undefined;
}

function sessionFact({ uid, accountUid, title }: FinalSession, world: World): SessionFact {
  const humans = world.humans.bySession.get(uid) ?? [];
  const agents = world.agents.bySession.get(uid) ?? [];
  const steps = agents.map((turn) => world.stepsByTurn.get(turn.uid) ?? []);
  const times = [...humans, ...agents, ...steps.map((list) => list.at(-1))].map(
    (row) => row?.createdAt ?? null,
  );
  return {
    kind: 'session',
    uid,
    accountUid,
    title,
    firstTurnAt: least(humans.map(({ createdAt }) => createdAt)),
    lastActivityAt: greatest(times),
    humanTurns: humans.length,
    agentTurns: agents.length,
    steps: steps.reduce((sum, list) => sum + list.length, 0),
  };
}

function humanTurnFact(turn: FinalTurn, world: World): HumanTurnFact {
  const parent = parentOf(turn, world.agents);
  const answers = world.agents.families.get(familyOf(turn.sessionUid, turn.uid)) ?? [];
  return {
    kind: 'humanTurn',
    ...turn,
    accountUid: world.accounts.get(turn.sessionUid) ?? null,
    depth: depthOf(turn, 'human', world),
    answeredAt: (parent && world.stepsByTurn.get(parent.uid)?.at(-1)?.createdAt) ?? null,
    answers: answers.length,
    siblings: world.humans.ranks.get(turn) ?? 0,
  };
}

function agentTurnFact(turn: FinalTurn, world: World): AgentTurnFact {
  const { prompt: _, ...columns } = turn;
  const steps = world.stepsByTurn.get(turn.uid) ?? [];
  return {
    kind: 'agentTurn',
    ...columns,
    accountUid: world.accounts.get(turn.sessionUid) ?? null,
    depth: depthOf(turn, 'agent', world),
    askedAt: parentOf(turn, world.humans)?.createdAt ?? null,
    steps: steps.length,
    firstStepAt: steps[0]?.createdAt ?? null,
    firstVisibleStepAt: steps.find(({ tpe }) => isVisible(tpe))?.createdAt ?? null,
    lastStepAt: steps.at(-1)?.createdAt ?? null,
    attempt: (world.agents.ranks.get(turn) ?? 0) + 1,
  };
}

/** None for a step whose turn is unknown. */
function stepFact(step: FinalStep, world: World): StepFact[] {
  const turn = world.agents.byUid.get(step.agentTurnUid);
  if (turn === undefined) return [];
  const previous = world.previous.get(step);
  return [
    {
      kind: 'step',
      ...step,
      sessionUid: turn.sessionUid,
      accountUid: world.accounts.get(turn.sessionUid) ?? null,
      humanTurnUid: turn.parentUid,
      askedAt: parentOf(turn, world.humans)?.createdAt ?? null,
      turnCreatedAt: turn.createdAt,
      previousStepAt: previous?.createdAt ?? null,
      previousStepTpe: previous?.tpe ?? null,
    },
  ];
}

/** Null below a circle and within it. */
function depthOf(turn: FinalTurn, role: 'human' | 'agent', world: World): number | null {
  const { depths, humans, agents } = world;
  const path = new Set<FinalTurn>();
  let at: FinalTurn | undefined = turn;
  for (let isHuman = role === 'human'; at !== undefined && !depths.has(at); isHuman = !isHuman) {
    if (path.has(at)) {
      for (const each of path) depths.set(each, null);
      return null;
    }
    path.add(at);
    at = parentOf(at, isHuman ? agents : humans);
  }
  let depth = at === undefined ? -1 : (depths.get(at) ?? null);
  for (const each of [...path].reverse()) {
    if (depth !== null) depth += 1;
    depths.set(each, depth);
  }
  return depths.get(turn) ?? null;
}

function least(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
}

function greatest(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}
