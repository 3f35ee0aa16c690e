/**
 * All facts of the final rows, worked out from scratch: what the fold must have arrived at (I3),
 * and what verification compares with. Straightforward on purpose; it shares no code with the fold
 * but the order of siblings and which step types are visible.
 */
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

type World = {
  readonly rows: FinalRows;
  readonly accounts: ReadonlyMap<string, string | null>;
  readonly humans: ReadonlyMap<string, FinalTurn>;
  readonly agents: ReadonlyMap<string, FinalTurn>;
  /** By idx. */
  readonly stepsByTurn: ReadonlyMap<string, readonly FinalStep[]>;
};

function worldOf(rows: FinalRows): World {
  const stepsByTurn = new Map<string, FinalStep[]>();
  for (const step of rows.steps) {
    const steps = stepsByTurn.get(step.agentTurnUid);
    if (steps === undefined) stepsByTurn.set(step.agentTurnUid, [step]);
    else steps.push(step);
  }
  for (const steps of stepsByTurn.values()) steps.sort((a, b) => a.idx - b.idx);
  return {
    rows,
    accounts: new Map(rows.sessions.map(({ uid, accountUid }) => [uid, accountUid])),
    humans: new Map(rows.humanTurns.map((turn) => [turn.uid, turn])),
    agents: new Map(rows.agentTurns.map((turn) => [turn.uid, turn])),
    stepsByTurn,
  };
}

/** The parent in the same session, of the other role. */
function parentOf(turn: FinalTurn, parents: ReadonlyMap<string, FinalTurn>): FinalTurn | undefined {
  const parent = turn.parentUid === null ? undefined : parents.get(turn.parentUid);
  return parent?.sessionUid === turn.sessionUid ? parent : undefined;
}

function sessionFact({ uid, accountUid, title }: FinalSession, world: World): SessionFact {
  const inSession = (turn: FinalTurn) => turn.sessionUid === uid;
  const humans = world.rows.humanTurns.filter(inSession);
  const agents = world.rows.agentTurns.filter(inSession);
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
  const answers = world.rows.agentTurns.filter(
    (agent) => agent.parentUid === turn.uid && agent.sessionUid === turn.sessionUid,
  );
  return {
    kind: 'humanTurn',
    ...turn,
    accountUid: world.accounts.get(turn.sessionUid) ?? null,
    depth: depthOf(turn, 'human', world),
    answeredAt: (parent && world.stepsByTurn.get(parent.uid)?.at(-1)?.createdAt) ?? null,
    answers: answers.length,
    siblings: rankOf(turn, world.rows.humanTurns),
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
    attempt: rankOf(turn, world.rows.agentTurns) + 1,
  };
}

/** None for a step whose turn is unknown. */
function stepFact(step: FinalStep, world: World): StepFact[] {
  const turn = world.agents.get(step.agentTurnUid);
  if (turn === undefined) return [];
  const steps = world.stepsByTurn.get(turn.uid) ?? [];
  const previous = steps[steps.indexOf(step) - 1];
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

function depthOf(turn: FinalTurn, role: 'human' | 'agent', world: World): number | null {
  const seen = new Set<FinalTurn>();
  let at: FinalTurn | undefined = turn;
  for (let isHuman = role === 'human'; at !== undefined; isHuman = !isHuman) {
    if (seen.has(at)) return null;
    seen.add(at);
    at = parentOf(at, isHuman ? world.agents : world.humans);
  }
  return seen.size - 1;
}

function rankOf(turn: FinalTurn, all: readonly FinalTurn[]): number {
  const family = all.filter(
    (other) => other.sessionUid === turn.sessionUid && other.parentUid === turn.parentUid,
  );
  const self = { uid: turn.uid, at: turn.createdAt };
  return family.filter(
    (other) => compareChildren({ uid: other.uid, at: other.createdAt }, self) < 0,
  ).length;
}

function least(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
}

function greatest(times: readonly (number | null)[]): number | null {
  return times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}
