/**
 * The source at one moment of its WAL: making a logical replication slot (temporary, gone at once) exports the snapshot
 * of its consistent point, and several connections read it side by side. Such a snapshot has every transaction
 * whose commit is before that LSN, and no other. It is held by the connections: VACUUM can't
 * remove what it sees while it is open.
 */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Config } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { groupedBy } from '../grouped-by.ts';
import { postgresClientConfig } from '../postgres.ts';
import { bucketOf } from '../projection/hash.ts';
import { parseLsn } from '../source/lsn.ts';
import type { SourceTable } from '../source/row-change.ts';
import { sourceNames } from '../source/source-names.ts';
import type { Part, SourceSession, SourceSnapshot, VerifiedSource } from './ports.ts';
import { sessionOf, stepOf, type Texts, turnOf } from './source-rows.ts';
import { type FoundColumns, type SourcePlace, type SourceSql, sourceSql } from './source-sql.ts';
import { isVisible, parsePgSnapshot } from './visible.ts';

export type PostgresSourceOptions = {
  readonly postgres: Config['postgres'];
  readonly textCharsMax: number;
  /** Connections that read side by side; one more walks through the sessions. */
  readonly readersMax: number;
  /** Sessions that are read together, by one connection. */
  readonly sessionsPerRead: number;
  /** The slot's making waits for transactions that are open: for so long. */
  readonly waitMsMax: number;
};

const uidsPerFetch = 2_000;
/** A sample is told in hundredths of a per cent. */
const sampleParts = 10_000;

type Take = (session: SourceSession) => Promise<void> | void;

export class PostgresSource implements VerifiedSource {
  readonly #options: PostgresSourceOptions;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
  }

  async open(): Promise<SourceSnapshot> {
    const { postgres, readersMax } = this.#options;
    const clients: pg.Client[] = [];
    try {
      const exporter = await this.#connect(clients, 'database');
      const { lsn, name } = await this.#export(exporter);
      const readers: pg.Client[] = [];
      for (let count = 0; count <= readersMax; count += 1) {
        const reader = await this.#connect(clients, undefined);
        await reader.query('SET statement_timeout = 0');
        await reader.query('SET idle_in_transaction_session_timeout = 0');
        await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        await reader.query(`SET TRANSACTION SNAPSHOT '${name}'`);
        readers.push(reader);
      }
      await exporter.end();
      return await openSnapshot(lsn, readers, this.#options);
    } catch (thrown) {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      if (thrown instanceof TurnstreamError) throw thrown;
      const { host, port } = postgres;
      throw new TurnstreamError(
        'CONNECT',
        `Postgres at ${host}:${port} gave no snapshot to compare with (${messageOf(thrown)}): it takes a free replication slot for a moment (max_replication_slots, max_wal_senders), a user with REPLICATION and SELECT, and no transaction that stays open for long`,
        { retriable: true, cause: thrown },
      );
    }
  }

  async #connect(clients: pg.Client[], replication: 'database' | undefined): Promise<pg.Client> {
    const client = new pg.Client({
      ...postgresClientConfig(this.#options.postgres, 'turnstream verify'),
      ...(replication === undefined ? {} : { replication }),
    } as pg.ClientConfig);
    // A connection that breaks between two queries fails the next one.
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  }

  async #export(exporter: pg.Client) {
    const slot = `turnstream_verify_${randomBytes(6).toString('hex')}`;
    const limit = setTimeout(
      () => void exporter.end().catch(() => undefined),
      this.#options.waitMsMax,
    );
    try {
      const { rows } = await exporter.query<{ consistent_point: string; snapshot_name: string }>(
        `CREATE_REPLICATION_SLOT "${slot}" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`,
      );
      const lsn = parseLsn(rows[0]?.consistent_point ?? '');
      const name = rows[0]?.snapshot_name ?? '';
      if (lsn === undefined || !/^[0-9A-Fa-f-]+$/.test(name))
        throw new Error('no snapshot was exported');
      return { lsn, name };
    } finally {
      clearTimeout(limit);
    }
  }
}

async function openSnapshot(
  lsn: SourceSnapshot['lsn'],
  [walker, ...readers]: readonly pg.Client[],
  options: PostgresSourceOptions,
): Promise<SourceSnapshot> {
  if (walker === undefined) throw new Error('no connection');
  const { rows } = await walker.query<{ snapshot: string }>(
    'SELECT pg_current_snapshot()::text AS snapshot',
  );
  const seen = parsePgSnapshot(rows[0]?.snapshot ?? '');
  if (seen === undefined) throw new Error(`the snapshot is ${rows[0]?.snapshot}`);
  const { schema } = options.postgres;
  const place = { schema, tables: sourceNames(options.postgres) };
  const found = await columnsOf(walker, place);
  const sql = sourceSql(place, found, options.textCharsMax);
  return {
    lsn,
    sees: (transactionId) => isVisible(seen, transactionId),
    sessionCount: (part) => sessionCount(walker, sql, part),
    sessions: (part, take) => walk(walker, readers, sql, { part, take, options }),
    sessionsOf: (uids, take) =>
      inTurns(readers, cut(uids, options.sessionsPerRead), (reader, some) =>
        readSessions(reader, sql, some, take),
      ),
    close: async () => {
      await Promise.all([walker, ...readers].map((each) => each.end().catch(() => undefined)));
    },
  };
}

async function columnsOf(
  client: pg.Client,
  { schema, tables }: SourcePlace,
): Promise<FoundColumns> {
  const { rows } = await client.query<{
    table_name: string;
    column_name: string;
    type: string;
  }>(
    `SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS type
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = ANY($2) AND a.attnum > 0 AND NOT a.attisdropped`,
    [schema, Object.values(tables)],
  );
  const columns = (table: SourceTable) =>
    new Map(
      rows
        .filter((row) => row.table_name === tables[table])
        .map((row) => [row.column_name, row.type]),
    );
  return {
    sessions: columns('sessions'),
    human_turns: columns('human_turns'),
    agent_turns: columns('agent_turns'),
    steps: columns('steps'),
  };
}

/** All sessions of the part: their uids by a cursor, so that however many there are few are in memory. */
async function walk(
  walker: pg.Client,
  readers: readonly pg.Client[],
  sql: SourceSql,
  { part, take, options }: { part: Part; take: Take; options: PostgresSourceOptions },
): Promise<void> {
  const { text, values } = uidsSql(sql, part);
  await walker.query(`DECLARE uids NO SCROLL CURSOR FOR ${text}`, values);
  try {
    for (;;) {
      const { rows } = await walker.query<string[]>({
        text: `FETCH ${uidsPerFetch} FROM uids`,
        rowMode: 'array',
      });
      if (rows.length === 0) return;
      const uids = rows.map(([uid = '']) => uid).filter((uid) => isInSample(uid, part.sample));
      await inTurns(readers, cut(uids, options.sessionsPerRead), (reader, some) =>
        readSessions(reader, sql, some, take),
      );
    }
  } finally {
    // The next pass opens it anew; after a failure the transaction is over anyway.
    await walker.query('CLOSE uids').catch(() => undefined);
  }
}

/** Those with a row, which are all but the few that turns alone name. */
async function sessionCount(
  walker: pg.Client,
  sql: SourceSql,
  { sample, accountUid, sinceMs }: Part,
): Promise<number | null> {
  if (accountUid !== null || sinceMs !== null) return null;
  const { rows } = await walker.query<{ sessions: string }>(sql.count);
  return Math.round(Number(rows[0]?.sessions ?? 0) * (sample ?? 1));
}

function uidsSql(sql: SourceSql, { accountUid, sinceMs }: Part) {
  const parts: string[] = [];
  const values: string[] = [];
  const add = (text: string, value: string) => {
    values.push(value);
    parts.push(`(${text.replaceAll('$1', `$${values.length}`)})`);
  };
  if (accountUid !== null) add(sql.ofAccount, accountUid);
  if (sinceMs !== null) add(sql.since, new Date(sinceMs).toISOString());
  return { text: parts.length === 0 ? sql.all : parts.join(' INTERSECT '), values };
}

/** The same sessions each time, whatever else there is. */
export function isInSample(uid: string, sample: number | null): boolean {
  return sample === null || bucketOf(uid, sampleParts) < sample * sampleParts;
}

function cut<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const parts: (readonly Item[])[] = [];
  for (let start = 0; start < items.length; start += size)
    parts.push(items.slice(start, start + size));
  return parts;
}

/** Each reader takes the next part when it is done with one; all end before a failure is told. */
async function inTurns<Item>(
  readers: readonly pg.Client[],
  parts: readonly Item[],
  read: (reader: pg.Client, part: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const outcomes = await Promise.allSettled(
    readers.map(async (reader) => {
      for (let part = parts[next++]; part !== undefined; part = parts[next++])
        await read(reader, part);
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function readSessions(
  reader: pg.Client,
  sql: SourceSql,
  uids: readonly string[],
  take: Take,
): Promise<void> {
  const rows = async (text: string, of: readonly string[]): Promise<readonly Texts[]> =>
    (await reader.query<string[]>({ text, values: [of], rowMode: 'array' })).rows;
  const sessions = (await rows(sql.sessions, uids)).map(sessionOf);
  const humanTurns = (await rows(sql.humanTurns, uids)).map(turnOf);
  const agentTurns = (await rows(sql.agentTurns, uids)).map(turnOf);
  const steps = (
    await rows(
      sql.steps,
      agentTurns.map(({ uid }) => uid),
    )
  ).map(stepOf);
  const own = groupedBy(sessions, ({ uid }) => uid);
  const humans = groupedBy(humanTurns, ({ sessionUid }) => sessionUid);
  const agents = groupedBy(agentTurns, ({ sessionUid }) => sessionUid);
  const byTurn = groupedBy(steps, ({ agentTurnUid }) => agentTurnUid);
  for (const uid of uids) {
    const answers = agents.get(uid) ?? [];
    await take({
      uid,
      rows: {
        sessions: own.get(uid) ?? [],
        humanTurns: humans.get(uid) ?? [],
        agentTurns: answers,
        steps: answers.flatMap((turn) => byTurn.get(turn.uid) ?? []),
      },
    });
  }
}
