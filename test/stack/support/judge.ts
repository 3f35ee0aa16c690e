/**
 * The judge: what the three read models must hold, said in SQL over the source's four tables. It
 * shares with the projections only what defines their keys (the hash of `bucket`, the bounds of the
 * histogram) and knows nothing of events, positions or the fold: joins, windows, intervals, days
 * and previews are Postgres' own. So it judges the whole way from the commit to the CQL row.
 *
 * What can't be in a read model as it is (docs/decisions/0020): a moment that is none, the
 * microseconds of one beyond the years 1684 to 2255, the end of an overlong text, a row with an
 * overlong identifier. `readable` says it once, for all queries.
 *
 * Neighbours: fact.ts says what facts are, judge-difference.ts compares.
 */
import type { ClientBase } from 'pg';
import type { Cell } from '../../../processor/projection/columns.ts';
import { bucketOf } from '../../../processor/projection/hash.ts';
import { keyTextOf } from '../../../processor/projection/key-text.ts';
import { boundsMicros, negativeBucket, overflowBucket } from '../../../projections/buckets.ts';
import { bucketsPerTypeDay } from '../../../projections/steps-by-type-day.ts';

/** Cells in the order of the table: partition and clustering columns, then the others. */
export type JudgedRow = { readonly key: readonly Cell[]; readonly values: readonly Cell[] };

/** By keyTextOf(key). */
export type JudgedRows = ReadonlyMap<string, JudgedRow>;

export type Judgement = {
  readonly steps_by_type_day: JudgedRows;
  readonly turns_by_account: JudgedRows;
  /** Summed over shards, without rows whose totals are all zero. */
  readonly latency_histogram: JudgedRows;
};

/**
 * Reads the tables of `schema` in one snapshot. Times are whole milliseconds (the floor), dates
 * are days since 1970-01-01, as CQL holds them. The client must not be in a transaction.
 */
export async function expectedRows(client: ClientBase, schema = 'public'): Promise<Judgement> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query("SELECT set_config('search_path', $1, true)", [schema]);
    return {
      steps_by_type_day: await stepsByTypeDay(client),
      turns_by_account: await turnsByAccount(client),
      latency_histogram: await latencyHistogram(client),
    };
  } finally {
    await client.query('ROLLBACK');
  }
}

/** docs/decisions/0020: the longest identifier in bytes, and from how many characters on a text is cut. */
const identifierBytesMax = 32_000;
const textCharsMax = 5_417_642;

/** A moment as read models can have it. */
const moment = (column: string): string => `
  CASE WHEN isfinite(${column}) AND ${column} <= '275760-09-13Z' THEN
    CASE WHEN abs(extract(epoch FROM ${column}) * 1000000) < 2 ^ 53 THEN ${column}
         ELSE date_trunc('milliseconds', ${column}, 'UTC') END
  END AS ${column}`;
const text = (column: string): string => `left(${column}, ${textCharsMax}) AS ${column}`;
const short = (...columns: readonly string[]): string =>
  columns
    .map((column) => `coalesce(octet_length(${column}), 0) <= ${identifierBytesMax}`)
    .join(' AND ');

/** The four tables, without what no read model can hold. Inlined, so that indexes are used. */
const readable = `
  sessions AS NOT MATERIALIZED (
    SELECT uid, account_uid FROM sessions WHERE ${short('uid', 'account_uid')}
  ), human_turns AS NOT MATERIALIZED (
    SELECT uid, session_uid, parent_uid, ${text('prompt')}, ${moment('created_at')}
    FROM human_turns WHERE ${short('uid', 'session_uid', 'parent_uid', 'active_child')}
  ), agent_turns AS NOT MATERIALIZED (
    SELECT uid, session_uid, parent_uid, ${moment('created_at')}
    FROM agent_turns WHERE ${short('uid', 'session_uid', 'parent_uid', 'active_child')}
  ), steps AS NOT MATERIALIZED (
    SELECT agent_turn_uid, idx, tpe, ${text('content')}, ${moment('created_at')}
    FROM steps WHERE ${short('agent_turn_uid')}
  )`;

const ms = (column: string): string => `floor(extract(epoch FROM ${column}) * 1000)::float8`;
const utc = (column: string): string => `(${column} AT TIME ZONE 'UTC')`;
const day = (column: string): string => `${utc(column)}::date - date '1970-01-01'`;
/** Postgres has no year 0: 1 BC is its year -1, and 0 in ISO 8601. */
const year = (column: string): string =>
  `(extract(year FROM ${utc(column)}) + CASE WHEN extract(year FROM ${utc(column)}) < 0 THEN 1 ELSE 0 END)`;

/** A step is a fact once its agent turn exists in a session, known or not. */
const stepsByTypeDaySql = `
  WITH ${readable}
  SELECT s.tpe, ${day('s.created_at')} AS day, ${ms('s.created_at')} AS created_at,
         s.agent_turn_uid, s.idx, t.session_uid, x.account_uid,
         left(s.content, 200) AS preview,
         char_length(s.content) AS chars, octet_length(s.content) AS bytes
  FROM steps s
  JOIN agent_turns t ON t.uid = s.agent_turn_uid AND t.session_uid IS NOT NULL
  LEFT JOIN sessions x ON x.uid = t.session_uid
  WHERE s.tpe IS NOT NULL AND s.created_at IS NOT NULL`;

type StepLine = [
  tpe: number,
  day: number,
  createdAt: number,
  agentTurnUid: string,
  idx: number,
  ...values: Cell[],
];

async function stepsByTypeDay(client: ClientBase): Promise<JudgedRows> {
  const lines = await read<StepLine>(client, stepsByTypeDaySql);
  return collect(
    lines.map(([tpe, day, createdAt, agentTurnUid, idx, ...values]) => {
      const bucket = bucketOf(`${agentTurnUid}:${idx}`, bucketsPerTypeDay);
      return { key: [tpe, day, bucket, createdAt, agentTurnUid, idx], values };
    }),
  );
}

const turnsByAccountSql = `
  WITH ${readable}, turns AS (
    SELECT 'human' AS role, uid, session_uid, parent_uid, created_at,
           left(prompt, 200) AS preview, NULL::int AS steps, NULL::timestamptz AS last_step_at
    FROM human_turns
    UNION ALL
    SELECT 'agent', t.uid, t.session_uid, t.parent_uid, t.created_at, NULL,
           (SELECT count(*) FROM steps s WHERE s.agent_turn_uid = t.uid)::int,
           (SELECT s.created_at FROM steps s WHERE s.agent_turn_uid = t.uid
            ORDER BY s.idx DESC LIMIT 1)
    FROM agent_turns t
  )
  SELECT x.account_uid,
         (${year('t.created_at')} * 100
          + extract(month FROM ${utc('t.created_at')}))::int AS month,
         ${ms('t.created_at')} AS created_at, t.role, t.uid,
         t.session_uid, t.parent_uid, t.preview, t.steps, ${ms('t.last_step_at')} AS last_step_at
  FROM turns t
  JOIN sessions x ON x.uid = t.session_uid
  WHERE x.account_uid IS NOT NULL AND t.created_at IS NOT NULL`;

async function turnsByAccount(client: ClientBase): Promise<JudgedRows> {
  const lines = await read<Cell[]>(client, turnsByAccountSql);
  return collect(lines.map((line) => ({ key: line.slice(0, 5), values: line.slice(5) })));
}

/** Parents count within the session alone; -1 is the type where there is none, -2 a NULL one. */
const latencyHistogramSql = `
  WITH ${readable}, answers AS (
    SELECT t.uid, t.session_uid, h.created_at AS asked_at,
           (SELECT s.created_at FROM steps s WHERE s.agent_turn_uid = t.uid
            ORDER BY s.idx LIMIT 1) AS first_step_at,
           (SELECT s.created_at FROM steps s
            WHERE s.agent_turn_uid = t.uid AND s.tpe NOT IN (0, 11, 12)
            ORDER BY s.idx LIMIT 1) AS first_visible_step_at,
           (SELECT s.created_at FROM steps s WHERE s.agent_turn_uid = t.uid
            ORDER BY s.idx DESC LIMIT 1) AS last_step_at
    FROM agent_turns t
    LEFT JOIN human_turns h ON h.uid = t.parent_uid AND h.session_uid = t.session_uid
    WHERE t.session_uid IS NOT NULL
  ), gaps AS (
    SELECT s.tpe, s.created_at,
           lag(s.created_at) OVER (PARTITION BY s.agent_turn_uid ORDER BY s.idx) AS previous_at
    FROM steps s JOIN answers a ON a.uid = s.agent_turn_uid
  ), intervals (metric, tpe, from_at, to_at) AS (
    SELECT 'first_step', -1, asked_at, first_step_at FROM answers
    UNION ALL SELECT 'first_visible_step', -1, asked_at, first_visible_step_at FROM answers
    UNION ALL SELECT 'turn_duration', -1, asked_at, last_step_at FROM answers
    UNION ALL SELECT 'step_gap', coalesce(tpe, -2), previous_at, created_at FROM gaps
    UNION ALL SELECT 'think_time', -1, a.last_step_at, h.created_at
      FROM human_turns h JOIN answers a ON a.uid = h.parent_uid AND a.session_uid = h.session_uid
  ), measured AS (
    SELECT metric, tpe, to_at,
           ((extract(epoch FROM to_at) - extract(epoch FROM from_at)) * 1000000)::bigint AS micros
    FROM intervals WHERE from_at IS NOT NULL AND to_at IS NOT NULL
  ), counted AS (
    SELECT ${day('to_at')} AS day, extract(hour FROM ${utc('to_at')})::int AS hour, metric, tpe,
           CASE WHEN micros < 0 THEN $2 ELSE width_bucket(micros, $1::bigint[]) END AS bucket,
           micros
    FROM measured
  )
  SELECT day, metric, hour, tpe, bucket, count(*)::float8,
         sum(CASE WHEN bucket IN ($2, $3) THEN 0 ELSE micros END)::float8
  FROM counted GROUP BY day, metric, hour, tpe, bucket`;

async function latencyHistogram(client: ClientBase): Promise<JudgedRows> {
  const bounds = [boundsMicros, negativeBucket, overflowBucket];
  const lines = await read<Cell[]>(client, latencyHistogramSql, bounds);
  return collect(lines.map((line) => ({ key: line.slice(0, 5), values: line.slice(5) })));
}

async function read<Line extends Cell[]>(
  client: ClientBase,
  text: string,
  values: unknown[] = [],
): Promise<Line[]> {
  const result = await client.query<Line>({ text, values, rowMode: 'array' });
  return result.rows;
}

/** By key; two rows of one key would be a mistake in a definition, or here. */
export function collect(rows: Iterable<JudgedRow>): JudgedRows {
  const byKey = new Map<string, JudgedRow>();
  for (const row of rows) {
    const text = keyTextOf(row.key);
    if (byKey.has(text)) throw new Error(`two rows of one key: ${JSON.stringify(row.key)}`);
    byKey.set(text, row);
  }
  return byKey;
}
