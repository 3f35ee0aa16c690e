/**
 * INSERTs and DELETEs: of every kind of row, alone and with what hangs on it, in every order, one
 * by one, many at once and by COPY.
 */
import {
  keepNothing,
  type Mutate,
  type Mutation,
  type MutationStatement,
  sql,
} from './mutation.ts';
import { oddAccount, oddText, oddTime, oddType, oddUid } from './odd-values.ts';
import { between } from './random.ts';
import {
  addStep,
  freeIdx,
  newUid,
  remove,
  removeStep,
  type StepKey,
  some,
  stepsOf,
  takeSome,
  type World,
} from './world.ts';

const insertSession = 'INSERT INTO sessions (uid, account_uid, title) VALUES ($1, $2, $3)';
const insertHuman =
  'INSERT INTO human_turns (uid, session_uid, parent_uid, active_child, prompt, created_at) VALUES ($1, $2, $3, $4, $5, $6)';
const insertAgent =
  'INSERT INTO agent_turns (uid, session_uid, parent_uid, active_child, created_at) VALUES ($1, $2, $3, $4, $5)';

const sessionRow = (world: World, uid: string) =>
  sql(insertSession, uid, oddAccount(world.random), oddText(world.random));

const humanRow = (world: World, uid: string, session: string | null, parent: string | null) =>
  sql(insertHuman, uid, session, parent, null, oddText(world.random), oddTime(world));

const agentRow = (world: World, uid: string, session: string | null, parent: string | null) =>
  sql(insertAgent, uid, session, parent, null, oddTime(world));

function newSteps(world: World, turn: string): readonly StepKey[] {
  return Array.from({ length: between(world.random, 1, 12) }, () => ({
    turn,
    idx: freeIdx(world, turn),
  }));
}

/** One multi-row INSERT. */
function stepRows(world: World, keys: readonly StepKey[]): MutationStatement {
  const tuples = keys.map((_, i) => `(${[1, 2, 3, 4, 5].map((n) => `$${5 * i + n}`).join(', ')})`);
  return sql(
    `INSERT INTO steps (agent_turn_uid, idx, tpe, content, created_at) VALUES ${tuples.join(', ')}`,
    ...keys.flatMap(({ turn, idx }) => [
      turn,
      idx,
      oddType(world.random),
      oddText(world.random),
      oddTime(world),
    ]),
  );
}

const copyEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
};

function copyLine(...cells: readonly (string | number | null)[]): string {
  const text = cells.map((cell) =>
    cell === null
      ? '\\N'
      : String(cell).replace(/[\\\n\t\r]/g, (sign) => copyEscapes[sign] ?? sign),
  );
  return `${text.join('\t')}\n`;
}

/** Step rows by COPY: all of them share one LSN, or few. */
function copySteps(world: World, keys: readonly StepKey[]): MutationStatement {
  const lines = keys.map(({ turn, idx }) =>
    copyLine(turn, idx, oddType(world.random), oddText(world.random), oddTime(world)),
  );
  return {
    kind: 'copy',
    text: 'COPY steps (agent_turn_uid, idx, tpe, content, created_at) FROM STDIN',
    lines: lines.join(''),
  };
}

const appendSteps =
  (by: 'insert' | 'copy', to: 'known' | 'unknown'): Mutate =>
  (world) => {
    const turn = some(world, to === 'known' ? world.agentTurns : world.lostAgentTurns);
    if (turn === undefined) return undefined;
    const keys = newSteps(world, turn);
    return {
      statements: [by === 'copy' ? copySteps(world, keys) : stepRows(world, keys)],
      keep: () => {
        for (const key of keys) addStep(world, key);
      },
    };
  };

/** A whole session; `backwards` writes steps before their turn and turns before their session. */
const wholeSession =
  (order: 'forwards' | 'backwards', by: 'insert' | 'copy'): Mutate =>
  (world) => {
    const [session, human, agent, next] = [
      newUid(world),
      newUid(world),
      newUid(world),
      newUid(world),
    ];
    const keys = newSteps(world, agent);
    const statements = [
      sessionRow(world, session),
      humanRow(world, human, session, null),
      agentRow(world, agent, session, human),
      by === 'copy' ? copySteps(world, keys) : stepRows(world, keys),
      humanRow(world, next, session, agent),
    ];
    return {
      statements: order === 'backwards' ? statements.reverse() : statements,
      keep: () => {
        world.sessions.push(session);
        world.humanTurns.push(human, next);
        world.agentTurns.push(agent);
        for (const key of keys) addStep(world, key);
      },
    };
  };

/** A turn whose session nobody has inserted yet; another mutation may. */
const orphanTurns: Mutate = (world) => {
  const [session, human, agent] = [newUid(world), newUid(world), newUid(world)];
  return {
    statements: [humanRow(world, human, session, null), agentRow(world, agent, session, human)],
    keep: () => {
      world.lostSessions.push(session);
      world.humanTurns.push(human);
      world.agentTurns.push(agent);
    },
  };
};

/** Steps of a turn that nobody has inserted yet. */
const orphanSteps: Mutate = (world) => {
  const turn = newUid(world);
  const keys = newSteps(world, turn);
  return {
    statements: [stepRows(world, keys)],
    keep: () => {
      world.lostAgentTurns.push(turn);
      for (const key of keys) addStep(world, key);
    },
  };
};

const foundSession: Mutate = (world) => {
  const uid = takeSome(world, world.lostSessions);
  if (uid === undefined) return undefined;
  return { statements: [sessionRow(world, uid)], keep: () => world.sessions.push(uid) };
};

const foundAgentTurn: Mutate = (world) => {
  const uid = takeSome(world, world.lostAgentTurns);
  if (uid === undefined) return undefined;
  const [session, parent] = [oddUid(world, world.sessions), oddUid(world, world.humanTurns)];
  return {
    statements: [agentRow(world, uid, session, parent)],
    keep: () => world.agentTurns.push(uid),
  };
};

const deleteStep: Mutate = (world) => {
  const key = some(world, world.steps);
  if (key === undefined) return undefined;
  return {
    statements: [stepDeletion(key)],
    keep: () => removeStep(world, key),
  };
};

const stepDeletion = ({ turn, idx }: StepKey) =>
  sql('DELETE FROM steps WHERE agent_turn_uid = $1 AND idx = $2', turn, idx);

/** The same key again, in the same transaction or the next. */
const replaceStep: Mutate = (world) => {
  const key = some(world, world.steps);
  return key && { statements: [stepDeletion(key), stepRows(world, [key])], keep: keepNothing };
};

/** Inserted and gone again: nothing may stay of it. */
const vanishingStep: Mutate = (world) => {
  const turn = some(world, world.agentTurns);
  if (turn === undefined) return undefined;
  const key = { turn, idx: freeIdx(world, turn) };
  return { statements: [stepRows(world, [key]), stepDeletion(key)], keep: keepNothing };
};

const deleteHumanTurn: Mutate = (world) => {
  const uid = some(world, world.humanTurns);
  if (uid === undefined) return undefined;
  return {
    statements: [sql('DELETE FROM human_turns WHERE uid = $1', uid)],
    keep: () => remove(world.humanTurns, uid),
  };
};

const deleteAgentTurn =
  (steps: 'with steps' | 'alone'): Mutate =>
  (world) => {
    const uid = some(world, world.agentTurns);
    if (uid === undefined) return undefined;
    const turn = sql('DELETE FROM agent_turns WHERE uid = $1', uid);
    const all = sql('DELETE FROM steps WHERE agent_turn_uid = $1', uid);
    return {
      statements: steps === 'alone' ? [turn] : [all, turn],
      keep: () => {
        remove(world.agentTurns, uid);
        world.lostAgentTurns.push(uid);
        if (steps === 'alone') return;
        for (const key of stepsOf(world, uid)) removeStep(world, key);
      },
    };
  };

/** The row alone: its turns go on without an account. */
const deleteSession: Mutate = (world) => {
  const uid = some(world, world.sessions);
  if (uid === undefined) return undefined;
  return {
    statements: [sql('DELETE FROM sessions WHERE uid = $1', uid)],
    keep: () => {
      remove(world.sessions, uid);
      world.lostSessions.push(uid);
    },
  };
};

/** Everything of a session. Keys of its turns stay in the world: later mutations find no row. */
const deleteWholeSession: Mutate = (world): Mutation | undefined => {
  const uid = some(world, world.sessions);
  if (uid === undefined) return undefined;
  return {
    statements: [
      sql(
        'DELETE FROM steps WHERE agent_turn_uid IN (SELECT uid FROM agent_turns WHERE session_uid = $1)',
        uid,
      ),
      sql('DELETE FROM agent_turns WHERE session_uid = $1', uid),
      sql('DELETE FROM human_turns WHERE session_uid = $1', uid),
      sql('DELETE FROM sessions WHERE uid = $1', uid),
    ],
    keep: () => remove(world.sessions, uid),
  };
};

export const rowMutations: Readonly<Record<string, Mutate>> = {
  'insert steps': appendSteps('insert', 'known'),
  'insert steps before their turn': appendSteps('insert', 'unknown'),
  'copy steps': appendSteps('copy', 'known'),
  'insert session': wholeSession('forwards', 'insert'),
  'copy session': wholeSession('forwards', 'copy'),
  'insert session backwards': wholeSession('backwards', 'insert'),
  'insert turns without session': orphanTurns,
  'insert steps without turn': orphanSteps,
  'insert lost session': foundSession,
  'insert lost agent turn': foundAgentTurn,
  'delete step': deleteStep,
  'replace step': replaceStep,
  'insert and delete step': vanishingStep,
  'delete human turn': deleteHumanTurn,
  'delete agent turn': deleteAgentTurn('alone'),
  'delete agent turn with steps': deleteAgentTurn('with steps'),
  'delete session': deleteSession,
  'delete whole session': deleteWholeSession,
};
