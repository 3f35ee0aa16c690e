/**
 * Runs planned transactions on Postgres as an application does: prepared statements, BEGIN and
 * COMMIT around more than one, one alone committed by itself. Neighbours: rows.ts says what,
 * stream.ts when.
 */
import type { Pool, PoolClient } from 'pg';
import { messageOf, TurnstreamError } from '../processor/error.ts';
import { isoOf, type Statement, type Transaction } from './rows.ts';

type Query = { readonly name: string; readonly text: string; readonly values: unknown[] };

/** Resolves with the number of rows that the transaction changed. */
export async function runTransaction(pool: Pool, work: Transaction): Promise<number> {
  const queries = work.statements.flatMap(queriesOf);
  const [only] = queries;
  return withClient(pool, async (client) => {
    if (queries.length === 1 && only !== undefined) {
      return (await client.query(only)).rowCount ?? 0;
    }
    let rows = 0;
    await client.query('BEGIN');
    for (const query of queries) rows += (await client.query(query)).rowCount ?? 0;
    await client.query('COMMIT');
    return rows;
  });
}

/**
 * Lends a connection of the pool. After an error it is closed and not used again: whatever
 * transaction it was in is then rolled back.
 */
export async function withClient<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw writeError(cause);
  });
  // A connection that is lost between two queries says so by an event, which would end the process
  // if nobody listened; the next query then fails with the same reason.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  let failed = true;
  try {
    const result = await work(client);
    failed = false;
    return result;
  } catch (cause) {
    throw cause instanceof TurnstreamError ? cause : writeError(cause);
  } finally {
    client.off('error', ignore);
    client.release(failed);
  }
}

const uniqueViolation = '23505';
const undefinedTable = '42P01';

function writeError(cause: unknown): TurnstreamError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === uniqueViolation) {
    return new TurnstreamError(
      'CONFIGURATION',
      'Rows of this seed and these session numbers are in Postgres already. ' +
        'Choose another seed, or a first session beyond the ones written.',
      { cause },
    );
  }
  if (code === undefinedTable) {
    return new TurnstreamError(
      'CONFIGURATION',
      `The tables are not there (${messageOf(cause)}). Create them with generator/schema.sql.`,
      { cause },
    );
  }
  return new TurnstreamError('CONNECT', `Postgres failed: ${messageOf(cause)}`, {
    cause,
  });
}

function queriesOf(statement: Statement): readonly Query[] {
  switch (statement.kind) {
    case 'insertSession':
      return [
        query(
          'insert_session',
          'INSERT INTO sessions (uid, account_uid, title) VALUES ($1, $2, $3)',
          [statement.uid, statement.accountUid, statement.title],
        ),
      ];
    case 'insertHumanTurn':
      return [
        query(
          'insert_human_turn',
          'INSERT INTO human_turns (uid, session_uid, parent_uid, prompt, created_at) VALUES ($1, $2, $3, $4, $5)',
          [
            statement.uid,
            statement.sessionUid,
            statement.parentUid,
            statement.prompt,
            isoOf(statement.createdAt),
          ],
        ),
      ];
    case 'insertAgentTurn':
      return [
        query(
          'insert_agent_turn',
          'INSERT INTO agent_turns (uid, session_uid, parent_uid, created_at) VALUES ($1, $2, $3, $4)',
          [statement.uid, statement.sessionUid, statement.parentUid, isoOf(statement.createdAt)],
        ),
      ];
    case 'insertStep':
      return [
        query(
          'insert_step',
          'INSERT INTO steps (agent_turn_uid, idx, tpe, content, created_at) VALUES ($1, $2, $3, $4, $5)',
          [
            statement.agentTurnUid,
            statement.idx,
            statement.tpe,
            statement.content,
            isoOf(statement.createdAt),
          ],
        ),
      ];
    default:
      return laterQueriesOf(statement);
  }
}

type Later = Exclude<Statement, { kind: `insert${string}` }>;

function laterQueriesOf(statement: Later): readonly Query[] {
  switch (statement.kind) {
    case 'selectChild':
      return [
        query(
          `select_${statement.of}_child`,
          `UPDATE ${statement.of}_turns SET active_child = $2 WHERE uid = $1`,
          [statement.uid, statement.activeChild],
        ),
      ];
    case 'reviseStep':
      return [
        query(
          'revise_step',
          'UPDATE steps SET content = $3 WHERE agent_turn_uid = $1 AND idx = $2',
          [statement.agentTurnUid, statement.idx, statement.content],
        ),
      ];
    case 'renameSession':
      return [
        query('rename_session', 'UPDATE sessions SET title = $2 WHERE uid = $1', [
          statement.uid,
          statement.title,
        ]),
      ];
    case 'moveSession':
      return [
        query('move_session', 'UPDATE sessions SET account_uid = $2 WHERE uid = $1', [
          statement.uid,
          statement.accountUid,
        ]),
      ];
    case 'deleteSession':
      return deletion(statement.uid);
  }
}

function deletion(sessionUid: string): readonly Query[] {
  return [
    query(
      'delete_session_steps',
      'DELETE FROM steps WHERE agent_turn_uid IN (SELECT uid FROM agent_turns WHERE session_uid = $1)',
      [sessionUid],
    ),
    query('delete_session_agent', 'DELETE FROM agent_turns WHERE session_uid = $1', [sessionUid]),
    query('delete_session_human', 'DELETE FROM human_turns WHERE session_uid = $1', [sessionUid]),
    query('delete_session', 'DELETE FROM sessions WHERE uid = $1', [sessionUid]),
  ];
}

function query(name: string, text: string, values: unknown[]): Query {
  return { name, text, values };
}
