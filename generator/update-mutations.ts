/**
 * UPDATEs: of every column of every table, keys included, of one row and of many.
 */
import { keepNothing, type Mutate, type MutationStatement, sql } from './mutation.ts';
import { oddAccount, oddText, oddTime, oddType, oddUid } from './odd-values.ts';
import { chance, pick } from './random.ts';
import {
  addStep,
  freeIdx,
  newUid,
  removeStep,
  replace,
  some,
  stepsOf,
  takeSome,
  type World,
} from './world.ts';

const plain = (...statements: readonly MutationStatement[]) => ({
  statements,
  keep: keepNothing,
});

const session =
  (column: 'account_uid' | 'title'): Mutate =>
  (world) => {
    const uid = some(world, world.sessions);
    if (uid === undefined) return undefined;
    const value = column === 'title' ? oddText(world.random) : oddAccount(world.random);
    return plain(sql(`UPDATE sessions SET ${column} = $2 WHERE uid = $1`, uid, value));
  };

/** A new key, or one that other rows wait for. */
function otherUid(world: World, lost: string[]): string {
  return (chance(world.random, 0.3) ? takeSome(world, lost) : undefined) ?? newUid(world);
}

const sessionUid: Mutate = (world) => {
  const uid = some(world, world.sessions);
  if (uid === undefined) return undefined;
  const next = otherUid(world, world.lostSessions);
  return {
    statements: [sql('UPDATE sessions SET uid = $2 WHERE uid = $1', uid, next)],
    keep: () => {
      replace(world.sessions, uid, next);
      world.lostSessions.push(uid);
    },
  };
};

type TurnTable = 'human_turns' | 'agent_turns';

const turnsOf = (world: World, table: TurnTable) =>
  table === 'human_turns' ? world.humanTurns : world.agentTurns;

const turnColumns: Readonly<Record<string, (world: World, own: string) => string | null>> = {
  session_uid: (world) => oddUid(world, world.sessions),
  // Also of the wrong kind, or itself: such a parent is unknown.
  parent_uid: (world, own) =>
    oddUid(world, pick(world.random, [world.humanTurns, world.agentTurns, [own]])),
  active_child: (world) => oddUid(world, pick(world.random, [world.humanTurns, world.agentTurns])),
  created_at: (world) => oddTime(world),
  prompt: (world) => oddText(world.random),
};

const turn =
  (table: TurnTable, column: keyof typeof turnColumns): Mutate =>
  (world) => {
    const uid = some(world, turnsOf(world, table));
    const value = uid === undefined ? null : turnColumns[column]?.(world, uid);
    if (uid === undefined || value === undefined) return undefined;
    return plain(sql(`UPDATE ${table} SET ${column} = $2 WHERE uid = $1`, uid, value));
  };

const turnUid =
  (table: TurnTable): Mutate =>
  (world) => {
    const uid = some(world, turnsOf(world, table));
    if (uid === undefined) return undefined;
    const next = otherUid(world, table === 'agent_turns' ? world.lostAgentTurns : []);
    return {
      statements: [sql(`UPDATE ${table} SET uid = $2 WHERE uid = $1`, uid, next)],
      keep: () => {
        replace(turnsOf(world, table), uid, next);
        if (table === 'agent_turns') world.lostAgentTurns.push(uid);
      },
    };
  };

const whereStep = 'WHERE agent_turn_uid = $1 AND idx = $2';

const step =
  (column: 'tpe' | 'content' | 'created_at'): Mutate =>
  (world) => {
    const key = some(world, world.steps);
    if (key === undefined) return undefined;
    const value = { tpe: oddType, content: oddText, created_at: () => oddTime(world) }[column](
      world.random,
    );
    return plain(sql(`UPDATE steps SET ${column} = $3 ${whereStep}`, key.turn, key.idx, value));
  };

/** To another place: its index, its turn (of any session, known or not), or with all it has. */
const stepKey =
  (what: 'idx' | 'agent_turn_uid' | 'all'): Mutate =>
  (world) => {
    const key = some(world, world.steps);
    if (key === undefined) return undefined;
    const lost = pick(world.random, [true, false, false, false]);
    const to =
      what === 'idx' ? key.turn : some(world, lost ? world.lostAgentTurns : world.agentTurns);
    if (to === undefined) return undefined;
    const next = { turn: to, idx: freeIdx(world, to) };
    const where = [key.turn, key.idx, next.turn, next.idx];
    const statement =
      what === 'all'
        ? sql(
            `UPDATE steps SET agent_turn_uid = $3, idx = $4, tpe = $5, content = $6, created_at = $7 ${whereStep}`,
            ...where,
            oddType(world.random),
            oddText(world.random),
            oddTime(world),
          )
        : sql(`UPDATE steps SET agent_turn_uid = $3, idx = $4 ${whereStep}`, ...where);
    return {
      statements: [statement],
      keep: () => {
        removeStep(world, key);
        addStep(world, next);
      },
    };
  };

const swapSteps: Mutate = (world) => {
  const first = some(world, world.steps);
  const second = first && some(world, stepsOf(world, first.turn));
  if (first === undefined || second === undefined || first.idx === second.idx) return undefined;
  const place = `UPDATE steps SET idx = $3 ${whereStep}`;
  const aside = freeIdx(world, first.turn);
  return plain(
    sql(place, first.turn, first.idx, aside),
    sql(place, first.turn, second.idx, first.idx),
    sql(place, first.turn, aside, second.idx),
  );
};

const manyRows: Mutate = (world) => {
  const agentTurn = some(world, world.agentTurns);
  const [from, to] = [some(world, world.sessions), some(world, world.sessions)];
  if (agentTurn === undefined || from === undefined || to === undefined) return undefined;
  return pick(world.random, [
    plain(
      sql(
        `UPDATE steps SET created_at = created_at + interval '1.000001 s' WHERE agent_turn_uid = $1`,
        agentTurn,
      ),
    ),
    plain(sql('UPDATE steps SET tpe = idx % 14 WHERE agent_turn_uid = $1', agentTurn)),
    // No change at all, and an update all the same.
    plain(sql('UPDATE steps SET content = content WHERE agent_turn_uid = $1', agentTurn)),
    plain(sql('UPDATE human_turns SET prompt = upper(prompt) WHERE session_uid = $1', from)),
    // Two sessions become one; then the turns come back without their parents.
    plain(
      sql('UPDATE human_turns SET session_uid = $2 WHERE session_uid = $1', from, to),
      sql('UPDATE agent_turns SET session_uid = $2 WHERE session_uid = $1', from, to),
    ),
    plain(sql('UPDATE agent_turns SET session_uid = $2 WHERE session_uid = $1', from, to)),
  ]);
};

export const updateMutations: Readonly<Record<string, Mutate>> = {
  'sessions.account_uid': session('account_uid'),
  'sessions.title': session('title'),
  'sessions.uid': sessionUid,
  'human_turns.session_uid': turn('human_turns', 'session_uid'),
  'human_turns.parent_uid': turn('human_turns', 'parent_uid'),
  'human_turns.active_child': turn('human_turns', 'active_child'),
  'human_turns.prompt': turn('human_turns', 'prompt'),
  'human_turns.created_at': turn('human_turns', 'created_at'),
  'human_turns.uid': turnUid('human_turns'),
  'agent_turns.session_uid': turn('agent_turns', 'session_uid'),
  'agent_turns.parent_uid': turn('agent_turns', 'parent_uid'),
  'agent_turns.active_child': turn('agent_turns', 'active_child'),
  'agent_turns.created_at': turn('agent_turns', 'created_at'),
  'agent_turns.uid': turnUid('agent_turns'),
  'steps.tpe': step('tpe'),
  'steps.content': step('content'),
  'steps.created_at': step('created_at'),
  'steps.idx': stepKey('idx'),
  'steps.agent_turn_uid': stepKey('agent_turn_uid'),
  'steps.*': stepKey('all'),
  'steps swapped': swapSteps,
  'many rows': manyRows,
};
