/**
 * Capture under faults: large statements, with Connect killed in the middle of each. "In the
 * middle" is a condition on the topic, not a time: Connect is killed once a drawn share of the
 * statement's rows is in `changes`, and the end of the topic after its death says where that fell.
 */
import { once } from 'node:events';
import type { Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { createRandom } from '../../../generator/random.ts';
import { killServer, startServer } from '../../../local/stack.ts';
import type { LogAdmin } from '../../../processor/kafka/log.ts';
import type { SourceRecord } from '../../../processor/source/row-change.ts';
import type { ChangesReader } from './changes-reader.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Statement = {
  readonly name: 'COPY' | 'INSERTs' | 'UPDATEs';
  readonly rows: number;
  /** Runs it, as one transaction. */
  readonly run: (pool: Pool) => Promise<unknown>;
};

const stepsPerTurn = 200;
const turnsPerSession = 10;
/** Between a tenth and nine tenths, with room on both sides for what arrives until the kill. */
const killShareMin = 0.15;
const killShareMax = 0.65;

export const middle = { min: 0.1, max: 0.9 };

/** Sessions and turns for the steps, which then are facts as soon as they arrive. */
export async function insertTurns(pool: Pool, name: string, steps: number): Promise<void> {
  const turns = Math.ceil(steps / stepsPerTurn);
  const session = `'${name}-s' || t / ${turnsPerSession}`;
  await pool.query(`
    INSERT INTO sessions SELECT '${name}-s' || s, 'account' || s % 7, NULL
      FROM generate_series(0, ${Math.floor(turns / turnsPerSession)}) s;
    INSERT INTO human_turns SELECT '${name}-h' || t, ${session}, NULL, NULL, 'asked',
      timestamptz '2026-03-01Z' + t * interval '7 s' FROM generate_series(0, ${turns - 1}) t;
    INSERT INTO agent_turns SELECT '${name}-' || t, ${session}, '${name}-h' || t, NULL,
      timestamptz '2026-03-01Z' + t * interval '7 s' FROM generate_series(0, ${turns - 1}) t`);
}

export function copyStatement(rows: number): Statement {
  return { name: 'COPY', rows, run: (pool) => copySteps(pool, rows) };
}

async function copySteps(pool: Pool, rows: number): Promise<void> {
  const client = await pool.connect();
  try {
    const stream = client.query(copyFrom('COPY steps FROM STDIN'));
    for (let row = 0; row < rows; row += 1) {
      const [turn, idx] = [Math.floor(row / stepsPerTurn), row % stepsPerTurn];
      const at = new Date(Date.UTC(2026, 2, 2) + row * 137).toISOString();
      const line = `COPY-${turn}\t${idx}\t${row % 13}\t{"row":${row}}\t${at}\n`;
      if (!stream.write(line)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'finish');
  } finally {
    client.release();
  }
}

/** So many statements in one transaction, not one of so many rows. */
export function insertStatement(rows: number): Statement {
  const run = (pool: Pool) =>
    pool.query(`DO $$ BEGIN FOR row IN 0..${rows - 1} LOOP
      INSERT INTO steps VALUES ('INSERTs-' || row / ${stepsPerTurn}, row % ${stepsPerTurn},
        row % 13, '{"row":' || row || '}', timestamptz '2026-03-03Z' + row * interval '97 ms');
    END LOOP; END $$`);
  return { name: 'INSERTs', rows, run };
}

/** Of the rows that `insertStatement` made: their type and time, so rows of read models move. */
export function updateStatement(rows: number): Statement {
  const run = (pool: Pool) =>
    pool.query(`DO $$ BEGIN FOR row IN 0..${rows - 1} LOOP
      UPDATE steps SET tpe = (tpe + 1) % 13, created_at = created_at + interval '1 day',
        content = '{"updated":' || row || '}'
      WHERE agent_turn_uid = 'INSERTs-' || row / ${stepsPerTurn} AND idx = row % ${stepsPerTurn};
    END LOOP; END $$`);
  return { name: 'UPDATEs', rows, run };
}

/** For a reader of the topic: which of the statements a record is of. A snapshot's rows are of none. */
export function statementOf(record: SourceRecord): { statement: string; key: string } | null {
  if (record.kind !== 'row' || record.change.table !== 'steps') return null;
  if (record.snapshot !== null) return null;
  const { operation, key } = record.change;
  const text = `${key.agentTurnUid}/${key.idx}`;
  if (operation === 'update') return { statement: 'UPDATEs', key: text };
  return { statement: text.startsWith('COPY') ? 'COPY' : 'INSERTs', key: text };
}

export type Kill = {
  readonly statement: string;
  /** Share of the statement's rows that were in `changes` when Connect was dead. */
  readonly share: number;
  readonly secondsToGoOn: number;
};

export type FaultyRun = {
  readonly pool: Pool;
  readonly reader: ChangesReader;
  readonly admin: LogAdmin;
  readonly changesTopic: string;
  readonly kills: number;
  readonly seed: number;
  /** Of the Connect that is started again: its mode. */
  readonly connectEnvironment: Environment;
  readonly say: (line: string) => void;
};

/** Runs the statement with the kills, until each of its rows has come. */
export async function runWithKills(statement: Statement, run: FaultyRun): Promise<readonly Kill[]> {
  const { pool, reader, admin, seed, say } = run;
  const { name, rows } = statement;
  const running = statement.run(pool);
  const kills: { readonly end: number; readonly secondsToGoOn: number }[] = [];
  for (const share of drawShares(run.kills, seed, rows)) {
    await reader.until(() => reader.distinct(name) >= share * rows);
    await killServer('connect', 'SIGKILL', run.connectEnvironment);
    const killedAt = performance.now();
    const [end = 0] = await admin.endOffsets(run.changesTopic);
    await startServer('connect', run.connectEnvironment);
    await reader.until(() => reader.next > end);
    kills.push({ end, secondsToGoOn: (performance.now() - killedAt) / 1000 });
  }
  await running;
  await reader.until(() => reader.distinct(name) === rows);
  const told = kills.map(({ end, secondsToGoOn }) => {
    const share = reader.tally(name, end).distinct / rows;
    say(
      `${name} of ${rows} rows: Connect killed when ${(share * 100).toFixed(1)} % of them were there; ` +
        `the next record came after ${secondsToGoOn.toFixed(1)} s`,
    );
    return { statement: name, share, secondsToGoOn };
  });
  const { distinct, records } = reader.tally(name);
  say(`${name}: ${distinct} rows arrived, ${records - distinct} of them came again`);
  return told;
}

/** Rising, one in each of as many equal parts of the middle. */
function drawShares(kills: number, seed: number, rows: number): readonly number[] {
  const random = createRandom(seed, rows);
  const part = (killShareMax - killShareMin) / kills;
  return Array.from({ length: kills }, (_, n) => killShareMin + part * (n + random.next()));
}
