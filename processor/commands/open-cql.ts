/** The CQL database, from the settings: one session for all stores of a process. */
import type { Config } from '../config.ts';
import { CqlCheckpointStore } from '../cql/checkpoint-store.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../cql/cluster.ts';
import type { SchemaOptions } from '../cql/ddl.ts';
import { dropTable } from '../cql/drop-table.ts';
import { durabilityWarning } from '../cql/durability.ts';
import { CqlGenerationStore } from '../cql/generation-store.ts';
import { CqlHoldStore } from '../cql/hold-store.ts';
import { CqlDeadLetterStore } from '../cql/letter-store.ts';
import { controlTables, tableName } from '../cql/names.ts';
import { CqlReadModelStore, readModelStoreDefaults } from '../cql/read-model-store.ts';
import { tableColumns } from '../cql/schema.ts';
import type { CqlSession } from '../cql/session.ts';
import { type SizeEstimate, sizeEstimate } from '../cql/size-estimates.ts';
import { CqlStateStore, stateStoreDefaults } from '../cql/state-store.ts';
import type { DeadLetterStore } from '../engine/dead-letter-store.ts';
import type { GenerationStore } from '../engine/generations.ts';
import type { CheckpointStore, ReadModel, ReadModelStore } from '../engine/store.ts';
import type { HoldStore } from '../engine/totals-holds.ts';
import { TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import type { StateStore } from '../sequencer/state-store.ts';
import { systemClock } from './system-clock.ts';

export type OpenStores = {
  readonly readModels: ReadModelStore;
  readonly checkpoints: CheckpointStore;
  readonly state: StateStore;
  readonly letters: DeadLetterStore;
  readonly generations: GenerationStore;
  readonly holds: HoldStore;
  /** Rejects with SCHEMA when the table of one is missing or of another shape. */
  prepare(models: readonly ReadModel[]): Promise<void>;
  /** About how large a table is; null when no node has an estimate yet. */
  sizeOf(table: string): Promise<SizeEstimate | null>;
  /** What a crash of the database would lose, and what to do; null when nothing. */
  durabilityWarning(): Promise<string | null>;
  /** What is not there is dropped. */
  dropTable(model: ReadModel): Promise<void>;
  close(): Promise<void>;
};

const daySeconds = 24 * 60 * 60;

export function openCql({ cql }: Config): Promise<DriverSession> {
  const { user: username, password } = cql;
  return connectCql({
    ...cqlDefaults,
    contactPoints: cql.contactPoints,
    port: cql.port,
    localDataCenter: cql.datacenter,
    credentials: username === '' ? null : { username, password },
    tls: cql.tls === 'enabled',
    requestTimeoutMs: cql.requestTimeoutMs,
    secondNodeDelayMs: cql.secondNodeDelayMs,
    slowNodeMs: cql.slowNodeMs,
    reconnectDelayMsMax: cql.reconnectDelayMsMax,
    writesInFlightMax: cql.writesInFlightMax,
    readsInFlightMax: cql.readsInFlightMax,
  });
}

export function schemaOptions({ cql }: Config): SchemaOptions {
  return {
    keyspace: cql.keyspace,
    dialect: cql.dialect,
    replication: { [cql.datacenter]: cql.replicationFactor },
  };
}

/**
 * Rejects with SCHEMA when control tables are missing: only `turnstream schema apply` makes them, since
 * two processes that create a table at the same time can split a cluster's schema.
 */
export async function openStores(config: Config): Promise<OpenStores> {
  const session = await openCql(config);
  try {
    await checkTables(session, config.cql.keyspace, Object.values(controlTables));
    return storesOn(session, config);
  } catch (thrown) {
    await session.close();
    throw thrown;
  }
}

async function checkTables(
  session: CqlSession,
  keyspace: string,
  tables: readonly string[],
): Promise<void> {
  const missing: string[] = [];
  for (const table of tables) {
    if ((await tableColumns(session, keyspace, table)).size === 0) missing.push(table);
  }
  if (missing.length === 0) return;
  throw new TurnstreamError(
    'SCHEMA',
    `The keyspace ${keyspace} lacks ${missing.join(', ')}: create what is missing with \`turnstream schema apply\`.`,
  );
}

/** Closing the stores closes the session. */
export function storesOn(session: DriverSession, config: Config): OpenStores {
  const { keyspace, batchBytesMax, batchRowsMax, writesInFlightMax, readsInFlightMax } = config.cql;
  const limits = { batchBytesMax, batchRowsMax };
  const readModels = new CqlReadModelStore(session, {
    ...readModelStoreDefaults,
    ...limits,
    schema: schemaOptions(config),
    callsInFlightMax: writesInFlightMax,
  });
  return {
    readModels,
    checkpoints: new CqlCheckpointStore(session, keyspace),
    state: new CqlStateStore(session, {
      ...stateStoreDefaults,
      ...limits,
      keyspace,
      contentInlineBytesMax: config.sequencer.contentInlineBytesMax,
      expiresAfterSeconds: config.sequencer.tombstoneDaysMax * daySeconds,
      callsInFlightMax: readsInFlightMax,
    }),
    letters: new CqlDeadLetterStore(session, { keyspace, ...limits }),
    generations: new CqlGenerationStore(session, keyspace, systemClock),
    holds: new CqlHoldStore(session, keyspace, systemClock),
    prepare: async (models) => {
      await checkTables(session, keyspace, models.map(tableName));
      await readModels.ensure(models);
    },
    durabilityWarning: () => durabilityWarning(session, keyspace, config.cql.dialect),
    dropTable: (model) => dropTable(session, keyspace, model),
    sizeOf: (table) => sizeEstimate(session, keyspace, table),
    close: () => session.close(),
  };
}

/** Said at the start of whatever relies on acknowledged writes. That it cannot be asked stops nobody. */
export async function warnOfLoss(
  stores: Pick<OpenStores, 'durabilityWarning'>,
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  try {
    const warning = await stores.durabilityWarning();
    if (warning !== null) logger.warn({}, warning);
  } catch (thrown) {
    if (thrown instanceof TurnstreamError && thrown.retriable) throw thrown;
    logger.warn(
      { err: thrown },
      'whether a crash of a CQL node loses acknowledged writes could not be asked; see to it that the keyspace has three replicas, or commitlog_sync: batch',
    );
  }
}
