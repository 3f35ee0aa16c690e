/** `turnstream connect`: the pre-flight check, and capture registered with Kafka Connect. */
import pg from 'pg';
import { checkCapture, connect } from '../../connectors/capture.ts';
import type { ConnectSettings } from '../../connectors/settings.ts';
import type { Config } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { postgresClientConfig } from '../postgres.ts';
import { sourceNames } from '../source/source-names.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { openLog } from './open-log.ts';
import { systemClock } from './system-clock.ts';

const startTimeoutMs = 120_000;

export async function connectCommand(
  context: CommandContext,
  args: CommandArguments,
): Promise<ExitCode> {
  const { config, log: logger } = context;
  const settings = connectSettings(config);
  const waiting = {
    nowMs: systemClock.nowMs,
    delay: (ms: number) => systemClock.delay(ms, context.signal),
  };
  const postgres = await openPostgres(config, logger);
  const opened = openLog(config.kafka, logger);
  const admins: { close(): Promise<void> }[] = [];
  try {
    if (args.options.check === true) {
      const { failures, notes } = await checkCapture(settings, { postgres, waiting });
      context.print(
        context.json ? JSON.stringify({ failures, notes }) : checkText(failures, notes),
      );
      return failures.length === 0 ? 0 : 1;
    }
    const result = await connect(settings, {
      postgres,
      waiting,
      admin: async () => {
        const admin = await opened.admin();
        admins.push(admin);
        return admin;
      },
      say: (line) => {
        if (!context.json) context.print(line);
      },
    });
    if (context.json) context.print(JSON.stringify(result));
    return 0;
  } finally {
    await Promise.all([postgres.end(), ...admins.map((admin) => admin.close())]);
  }
}

/** Capture's settings out of the configuration. */
export function connectSettings(config: Config): ConnectSettings {
  const { postgres, kafka, connect: own } = config;
  return {
    postgres: { ...postgres, tables: sourceNames(postgres) },
    connector: {
      url: own.url,
      name: own.connectorName,
      slot: own.slotName,
      publication: own.publicationName,
      topicPrefix: own.topicPrefix,
      heartbeatIntervalMs: own.heartbeatIntervalMs,
      delivery: own.deliveryMode,
      snapshotMode: own.snapshotMode,
      postgresHost: own.postgresHost === '' ? postgres.host : own.postgresHost,
      postgresPort: own.postgresPort === 0 ? postgres.port : own.postgresPort,
      registryUrl: own.registryUrl,
      startTimeoutMs,
    },
    topics: {
      changes: kafka.changesTopic,
      events: kafka.eventsTopic,
      eventsPartitions: kafka.eventsPartitions,
      deadLetters: kafka.deadLettersTopic,
      replicationFactor: kafka.replicationFactor,
      recordBytesMax: kafka.recordBytesMax,
    },
  };
}

async function openPostgres(
  { postgres }: Config,
  logger: CommandContext['log'],
): Promise<pg.Client> {
  const client = new pg.Client(postgresClientConfig(postgres, 'turnstream-connect'));
  client.on('error', (error) => logger.warn({ error: messageOf(error) }, 'Postgres went away'));
  try {
    await client.connect();
  } catch (error) {
    throw new TurnstreamError(
      'PREFLIGHT',
      `Postgres at ${postgres.host}:${postgres.port} refuses ${postgres.user} on database ${postgres.database} (${messageOf(error)}); check that it runs, and the settings TURNSTREAM_POSTGRES_*.`,
      { retriable: true, cause: error },
    );
  }
  return client;
}

function checkText(failures: readonly string[], notes: readonly string[]): string {
  const verdict = failures.length === 0 ? ['Capture can start.'] : ["Capture can't start yet:"];
  return [
    ...verdict,
    ...failures.map((failure) => `  - ${failure}`),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}
