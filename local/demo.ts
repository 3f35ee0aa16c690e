/**
 * `make demo`: everything at once, for a person. Starts the stack, registers capture, starts a
 * sequencer and a worker, streams conversations into Postgres, waits until the read models have
 * passed the last commit, and shows them. All of it goes on running; `make down` ends it.
 */
import cliProgress from 'cli-progress';
import pg from 'pg';
import { createTables, generate, type Summary } from '../generator/generate.ts';
import { connectCql, cqlDefaults } from '../processor/cql/cluster.ts';
import type { CqlSession } from '../processor/cql/session.ts';
import { TurnstreamError } from '../processor/error.ts';
import { waitForWatermark } from './demo-freshness.ts';
import { type Measured, readPages } from './demo-metrics.ts';
import { demoReport } from './demo-report.ts';
import { checkBeforeStart } from './preflight.ts';
import { startOne } from './server.ts';
import { serviceEnvironment, services } from './services.ts';
import { readSettings, type Settings } from './settings.ts';
import { stackAddresses, startContext, startStack } from './stack.ts';
import { runCommand, sayFor } from './terminal.ts';
import { runTurnstream } from './turnstream.ts';

const concurrency = 16;

function wanted(name: string, fallback: number): number {
  const text = process.env[name] ?? '';
  const value = text === '' ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 10_000_000) return value;
  throw new TurnstreamError('CONFIGURATION', `${name} is ${text}: expected a whole number from 1.`);
}

function step(title: string): void {
  console.log(`\n── ${title}`);
}

async function startEverything(settings: Settings): Promise<void> {
  step('The stack: Postgres, Kafka, Connect with Debezium, registry, Cassandra');
  await checkBeforeStart(settings, process.env);
  const results = await startStack(settings, process.env, sayFor);
  const failed = results.find(({ outcome }) => outcome instanceof Error);
  if (failed?.outcome instanceof Error) throw failed.outcome;
}

async function startTurnstream(settings: Settings, pool: pg.Pool): Promise<void> {
  step('Turnstream: capture, tables, sequencer, worker');
  await createTables(pool);
  const environment = serviceEnvironment(settings);
  await runTurnstream(['connect'], environment);
  await runTurnstream(['schema', 'apply'], environment);
  for (const server of services) {
    const context = startContext(settings, process.env, (line) => sayFor(server, line));
    const started = Date.now();
    const result = await startOne(server, context);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    sayFor(server, result === 'started' ? `ready after ${seconds} s` : result);
  }
}

type Stream = {
  readonly title: string;
  readonly sessions: number;
  readonly rowsPerSecondMax: number;
};

/** Most at full speed; a twentieth at a pace that leaves the machine air, to see how fresh rows are. */
function streams(): readonly [Stream, Stream] {
  const sessions = wanted('DEMO_SESSIONS', 2000);
  const calm = Math.max(1, Math.round(sessions / 20));
  const rowsPerSecondMax = wanted('DEMO_CALM_ROWS_PER_SECOND', 200);
  return [
    {
      title: `${sessions - calm} conversations, as fast as Postgres takes them`,
      sessions: sessions - calm,
      rowsPerSecondMax: 0,
    },
    {
      title: `${calm} more at a calm ${rowsPerSecondMax} row changes a second: how fresh are the read models?`,
      sessions: calm,
      rowsPerSecondMax,
    },
  ];
}

async function stream(pool: pg.Pool, { sessions, rowsPerSecondMax }: Stream): Promise<Summary> {
  const bar = new cliProgress.SingleBar({
    format: '  {bar} {percentage} %  {value} of {total} sessions  {changes} row changes',
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  bar.start(sessions, 0, { changes: 0 });
  try {
    const endAtMs = Date.now();
    return await generate(
      pool,
      { seed: endAtMs, sessions, endAtMs, concurrency, rowsPerSecondMax },
      (progress) => bar.update(progress.sessions, { changes: progress.changes }),
    );
  } finally {
    bar.stop();
  }
}

/** Streams, waits until every read model has passed the last commit; what the metrics say of it. */
async function measured(
  pool: pg.Pool,
  session: CqlSession,
  settings: Settings,
  wish: Stream,
): Promise<Measured> {
  step(wish.title);
  const before = await readPages(settings);
  const started = performance.now();
  const summary = await stream(pool, wish);
  const waitedMs = await waitForWatermark(pool, session);
  console.log(`  the read models have passed the last commit ${Math.round(waitedMs)} ms after it`);
  const seconds = (performance.now() - started) / 1000;
  return { before, after: await readPages(settings), changes: summary.changes, seconds };
}

await runCommand(async () => {
  const settings = readSettings(process.env);
  const { postgres, cql } = stackAddresses();
  await startEverything(settings);
  const pool = new pg.Pool({ ...postgres, max: concurrency });
  try {
    await startTurnstream(settings, pool);
    const session = await connectCql({
      ...cqlDefaults,
      contactPoints: cql.contactPoints,
      port: cql.port,
      localDataCenter: cql.datacenter,
    });
    try {
      await waitForWatermark(pool, session);
      const [fast, calm] = streams();
      const throughput = await measured(pool, session, settings, fast);
      const freshness = await measured(pool, session, settings, calm);
      console.log(await demoReport(session, settings, { throughput, freshness }));
    } finally {
      await session.close();
    }
  } finally {
    await pool.end();
  }
  return 0;
});
