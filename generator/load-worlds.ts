/**
 * Reads the keys that mixed changes start from and deals them out to lanes, whole sessions each.
 */
import type { Pool, PoolClient } from 'pg';
import type { Micros } from './rows.ts';
import { addStep, emptyWorld, type World } from './world.ts';
import { withClient } from './writer.ts';

export type WorldsOf = {
  readonly seed: number;
  readonly lanes: number;
  readonly endAt: Micros;
  /** These sessions alone; all when absent. */
  readonly sessionUids?: readonly string[];
};

/** Ordered reads and a deal by number: the same tables give the same worlds. Throws CONNECT when Postgres fails. */
export function loadWorlds(pool: Pool, of: WorldsOf): Promise<readonly World[]> {
  return withClient(pool, (client) => readWorlds(client, of));
}

async function readWorlds(client: PoolClient, of: WorldsOf): Promise<readonly World[]> {
  const worlds = Array.from({ length: of.lanes }, (_, lane) => emptyWorld(of.seed, lane, of.endAt));
  const laneOf = new Map<string, World>();
  const only = of.sessionUids ?? null;
  const sessions = await client.query<{ uid: string }>(
    'SELECT uid FROM sessions WHERE $1::varchar[] IS NULL OR uid = ANY($1) ORDER BY uid COLLATE "C"',
    [only],
  );
  sessions.rows.forEach(({ uid }, number) => {
    const world = worlds[number % worlds.length];
    if (world === undefined) return;
    world.sessions.push(uid);
    laneOf.set(uid, world);
  });
  const uids = [...laneOf.keys()];
  const turns = (table: string) =>
    client.query<{ uid: string; session_uid: string }>(
      `SELECT uid, session_uid FROM ${table} WHERE session_uid = ANY($1) ORDER BY uid COLLATE "C"`,
      [uids],
    );
  for (const { uid, session_uid } of (await turns('human_turns')).rows) {
    laneOf.get(session_uid)?.humanTurns.push(uid);
  }
  for (const { uid, session_uid } of (await turns('agent_turns')).rows) {
    laneOf.get(session_uid)?.agentTurns.push(uid);
  }
  const steps = await client.query<{ turn: string; idx: number; session_uid: string }>(
    `SELECT agent_turn_uid AS turn, idx, session_uid
     FROM steps JOIN agent_turns ON agent_turns.uid = agent_turn_uid
     WHERE session_uid = ANY($1) ORDER BY agent_turn_uid COLLATE "C", idx`,
    [uids],
  );
  for (const { turn, idx, session_uid } of steps.rows) {
    const world = laneOf.get(session_uid);
    if (world !== undefined) addStep(world, { turn, idx });
  }
  return worlds;
}
