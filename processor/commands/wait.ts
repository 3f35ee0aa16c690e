/**
 * `turnstream wait`: until what is named answers, for init containers and scripts. Whatever is wrong is
 * waited for and said, each complaint once in a while: a name that cannot be resolved yet, a log-in that is
 * refused until somebody makes the user, tables that a job is about to create.
 */
import pg from 'pg';
import { kafkaConnect } from '../../connectors/kafka-connect.ts';
import { projections } from '../../projections/index.ts';
import type { Config } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import { postgresClientConfig } from '../postgres.ts';
import { httpRegistry } from '../source/registry.ts';
import { connectSettings } from './connect.ts';
import type { CommandArguments, CommandContext, ExitCode } from './context.ts';
import { isDefined, liveBuilds, modelOf } from './live-builds.ts';
import { openCql, openStores } from './open-cql.ts';
import { openLogBriefly } from './open-log.ts';
import { sparingLogger } from './sparing-logger.ts';
import { systemClock } from './system-clock.ts';

export const waitables = ['postgres', 'kafka', 'registry', 'connect', 'cql', 'schema'] as const;

type Waitable = (typeof waitables)[number];

const pauseMs = 2_000;

export async function waitCommand(
  { config, log, json, print, signal }: CommandContext,
  { names, options }: CommandArguments,
): Promise<ExitCode> {
  const wanted = waitedFor(names);
  const startedMs = systemClock.nowMs();
  const deadlineMs = options.timeout === undefined ? null : startedMs + options.timeout * 1000;
  const sparing = { repeatMsMin: config.log.repeatMsMin, nowMs: systemClock.nowMs };
  const logger = sparingLogger(log, { ...sparing, repeats: () => true });
  for (const { what, ask } of wanted) {
    for (;;) {
      try {
        await ask(config, log);
        break;
      } catch (thrown) {
        const isLate = deadlineMs !== null && systemClock.nowMs() >= deadlineMs;
        if (isLate || signal.aborted) throw thrown;
        logger.info({ what }, `waiting for ${what}: ${messageOf(thrown)}`);
        await systemClock.delay(pauseMs, signal);
      }
    }
  }
  const found = wanted.map(({ what }) => what);
  const seconds = (systemClock.nowMs() - startedMs) / 1000;
  print(
    json
      ? JSON.stringify({ found, seconds })
      : `${found.join(', ')}: there, after ${seconds.toFixed(1)} s`,
  );
  return 0;
}

type Question = {
  readonly what: string;
  readonly ask: (config: Config, log: Logger) => Promise<void>;
};

/** In the order in which they are named; none is all. */
export function waitedFor(names: readonly string[]): readonly Question[] {
  const known: readonly string[] = [...waitables, ...projections.map(({ name }) => name)];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `${unknown.join(', ')} can't be waited for; there are: ${known.join(', ')}.`,
    );
  }
  const wanted = names.length === 0 ? waitables : names;
  return wanted.map((what) => ({
    what,
    ask: Object.hasOwn(questions, what)
      ? questions[what as Waitable]
      : (config) => askForTables(config, what),
  }));
}

const questions: Readonly<Record<Waitable, Question['ask']>> = {
  postgres: async ({ postgres }) => {
    const client = new pg.Client(postgresClientConfig(postgres, 'turnstream-wait'));
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (thrown) {
      throw new TurnstreamError(
        'CONNECT',
        `Postgres at ${postgres.host}:${postgres.port} refuses ${postgres.user} on database ${postgres.database} (${messageOf(thrown)})`,
        { retriable: true, cause: thrown },
      );
    } finally {
      await client.end().catch(() => undefined);
    }
  },
  kafka: async ({ kafka }, log) => {
    const admin = await openLogBriefly(kafka, log).admin();
    try {
      await admin.partitionCount(kafka.eventsTopic);
    } finally {
      await admin.close();
    }
  },
  registry: async ({ registry }) => {
    await httpRegistry({ url: registry.url }).schema(1);
  },
  connect: async (config) => {
    const waiting = { nowMs: systemClock.nowMs, delay: systemClock.delay };
    await kafkaConnect(connectSettings(config), waiting).plugin('');
  },
  cql: async (config) => {
    const session = await openCql(config);
    await session.close();
  },
  schema: async (config) => {
    const stores = await openStores(config);
    await stores.close();
  },
};

/** Those that readers use of the projection. */
async function askForTables(config: Config, name: string): Promise<void> {
  const stores = await openStores(config);
  try {
    const own = projections.filter((projection) => projection.name === name);
    const builds = await liveBuilds(stores.generations, own);
    await stores.prepare(builds.filter(isDefined).map(modelOf));
  } finally {
    await stores.close();
  }
}
