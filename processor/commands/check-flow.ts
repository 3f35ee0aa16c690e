/** `turnstream check-flow`: a conversation written, read back from each read model, deleted, and gone. */
import { randomInt, randomUUID } from 'node:crypto';
import pg from 'pg';
import { sourceColumns } from '../../connectors/source-tables.ts';
import type { Config } from '../config.ts';
import type { FinalRows, FinalTurn } from '../conversation/final-facts.ts';
import { CqlReadModelReader } from '../cql/read-model-reader.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { postgresClientConfig } from '../postgres.ts';
import { type Lsn, parseLsn } from '../source/lsn.ts';
import type { SourceTable } from '../source/row-change.ts';
import { type SourceNames, sourceNames } from '../source/source-names.ts';
import { checkFlow, type FlowResult, flowConversation } from '../verify/flow.ts';
import type { Target } from '../verify/ports.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openCql, storesOn } from './open-cql.ts';
import { systemClock } from './system-clock.ts';
import { verifyTargets } from './verify-targets.ts';

const timeoutSecondsDefault = 60;
/** Days of 1970: nobody else has rows there, and what stays behind is bounded. */
const days = 365;

export async function checkFlowCommand(
  { config, json, print, signal }: CommandContext,
  { projections, options }: CommandArguments,
): Promise<ExitCode> {
  // Whatever type the identifiers are of, they may be these.
  const uids = new Map<string, string>();
  const uidOf = (part: string) => {
    const uid = uids.get(part) ?? randomUUID();
    uids.set(part, uid);
    return uid;
  };
  const database = await openCql(config);
  const postgres = new pg.Client(postgresClientConfig(config.postgres, 'turnstream-check-flow'));
  // A connection that breaks between two queries fails the next one.
  postgres.on('error', () => undefined);
  try {
    const { generations, checkpoints } = storesOn(database, config);
    const targets = await verifyTargets(generations, projections, undefined);
    await postgres.connect();
    const names = sourceNames(config.postgres);
    const columns = await columnsOf(postgres, config.postgres.schema, names);
    const { eventsPartitions: partitions } = config.kafka;
    const { keyspace, readsInFlightMax } = config.cql;
    const ports = {
      write: (rows: FinalRows) => inTransaction(postgres, config, insertsOf(rows, columns, names)),
      remove: (rows: FinalRows) => inTransaction(postgres, config, deletesOf(rows, names)),
      watermark: async ({ model }: Target) => {
        const found = await checkpoints.load(model);
        let least: Lsn | null = null;
        for (let partition = 0; partition < partitions; partition += 1) {
          const lsn = found.get(partition)?.watermark?.lsn ?? null;
          if (lsn === null) return null;
          if (least === null || lsn < least) least = lsn;
        }
        return least;
      },
      reader: new CqlReadModelReader(database, { keyspace, readsInFlightMax, pageRowsMax: 1000 }),
      clock: systemClock,
      signal,
    };
    const timeoutMs = (options.timeout ?? timeoutSecondsDefault) * 1000;
    const rows = withoutAbsent(flowConversation(uidOf, randomInt(days)), columns);
    const session = uidOf('session');
    const results = await checkFlow(ports, { partitions, timeoutMs }, targets, rows);
    print(json ? JSON.stringify({ session, readModels: results }) : flowText(session, results));
  } finally {
    await Promise.all([database.close(), postgres.end()]);
  }
  return 0;
}

export function flowText(session: string, results: readonly FlowResult[]): string {
  return [
    `Session ${session} was written to Postgres, read, deleted, and is gone:`,
    ...results.map(
      ({ projection, rows, readableMs, goneMs }) =>
        `  ${projection}: ${rows} rows as they should be after ${Math.round(readableMs)} ms, none ${Math.round(goneMs)} ms after the deletion`,
    ),
  ].join('\n');
}

type Columns = Readonly<Record<SourceTable, readonly string[]>>;
type Query = readonly [text: string, values: readonly unknown[]];

/** The columns that we know and that are there: some may be absent at a customer's (DESIGN 1). */
async function columnsOf(
  postgres: pg.Client,
  schema: string,
  names: SourceNames,
): Promise<Columns> {
  const { rows } = await postgres.query<{ table_name: string; column_name: string }>(
    `SELECT table_name, column_name FROM information_schema.columns
      WHERE table_schema = $1 AND table_name = ANY ($2)`,
    [schema, Object.values(names)],
  );
  const of = (table: SourceTable) =>
    sourceColumns[table]
      .map(({ name }) => name)
      .filter((name) =>
        rows.some((row) => row.table_name === names[table] && row.column_name === name),
      );
  return {
    sessions: of('sessions'),
    human_turns: of('human_turns'),
    agent_turns: of('agent_turns'),
    steps: of('steps'),
  };
}

/** What has no column is not in the facts either. */
export function withoutAbsent(rows: FinalRows, { agent_turns: present }: Columns): FinalRows {
  const agentTurns = rows.agentTurns.map((turn) => ({
    ...turn,
    parentUid: present.includes('parent_uid') ? turn.parentUid : null,
    activeChild: present.includes('active_child') ? turn.activeChild : null,
    createdAt: present.includes('created_at') ? turn.createdAt : null,
  }));
  return { ...rows, agentTurns };
}

/** Into the tables of the search path. */
export function insertsOf(
  rows: FinalRows,
  columns: Columns,
  tableNames: SourceNames,
): readonly Query[] {
  const turn = ({ uid, sessionUid, parentUid, activeChild, prompt, createdAt }: FinalTurn) => ({
    uid,
    session_uid: sessionUid,
    parent_uid: parentUid,
    active_child: activeChild,
    prompt,
    created_at: momentOf(createdAt),
  });
  const tables: readonly (readonly [SourceTable, readonly Readonly<Record<string, unknown>>[]])[] =
    [
      [
        'sessions',
        rows.sessions.map(({ uid, accountUid, title }) => ({
          uid,
          account_uid: accountUid,
          title,
        })),
      ],
      ['human_turns', rows.humanTurns.map(turn)],
      ['agent_turns', rows.agentTurns.map(turn)],
      [
        'steps',
        rows.steps.map(({ agentTurnUid, idx, tpe, content, createdAt }) => ({
          agent_turn_uid: agentTurnUid,
          idx,
          tpe,
          content,
          created_at: momentOf(createdAt),
        })),
      ],
    ];
  return tables.flatMap(([table, records]) =>
    records.map((record): Query => {
      const names = columns[table];
      const places = names.map((_, at) => `$${at + 1}`);
      const text = `INSERT INTO "${tableNames[table]}" (${names.join(', ')}) VALUES (${places.join(', ')})`;
      return [text, names.map((name) => record[name])];
    }),
  );
}

function momentOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** Children first, in case somebody has foreign keys. */
export function deletesOf(
  { sessions, humanTurns, agentTurns, steps }: FinalRows,
  names: SourceNames,
): readonly Query[] {
  const uids = (rows: readonly { readonly uid: string }[]) => [rows.map(({ uid }) => uid)];
  const turns = [...new Set(steps.map(({ agentTurnUid }) => agentTurnUid))];
  return [
    [`DELETE FROM "${names.steps}" WHERE agent_turn_uid = ANY ($1)`, [turns]],
    [`DELETE FROM "${names.agent_turns}" WHERE uid = ANY ($1)`, uids(agentTurns)],
    [`DELETE FROM "${names.human_turns}" WHERE uid = ANY ($1)`, uids(humanTurns)],
    [`DELETE FROM "${names.sessions}" WHERE uid = ANY ($1)`, uids(sessions)],
  ];
}

async function inTransaction(
  postgres: pg.Client,
  { postgres: { schema, user } }: Config,
  queries: readonly Query[],
): Promise<Lsn> {
  try {
    await postgres.query('BEGIN');
    await postgres.query("SELECT set_config('search_path', quote_ident($1), true)", [schema]);
    for (const [text, values] of queries) await postgres.query(text, [...values]);
    await postgres.query('COMMIT');
    const { rows } = await postgres.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn()::text AS lsn',
    );
    const lsn = parseLsn(rows[0]?.lsn ?? '');
    if (lsn === undefined) throw new Error('Postgres gave no LSN');
    return lsn;
  } catch (thrown) {
    await postgres.query('ROLLBACK').catch(() => undefined);
    throw new TurnstreamError(
      'CONNECT',
      `Postgres refuses to take the conversation of the check from ${user} (${messageOf(thrown)}): it takes INSERT and DELETE on the four tables, and no column of them that must be given beside those that Turnstream knows.`,
      { cause: thrown },
    );
  }
}
