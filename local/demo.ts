/**
 * `make demo`: everything at once, for a person. Starts the stack, registers capture, starts a
 * sequencer and a worker, streams conversations into Postgres, waits until the read models have
 * passed the last commit, and shows them. All of it goes on running; `make down` ends it.
 */
import cliProgress from 'cli-progress';
import pg from 'pg';
import { createTables, generate, type Summary } from '../generator/generate.ts';
import { connectCql, cqlDefaults } from '../processor/cql/cluster.ts';
import { TurnstreamError } from '../processor/error.ts';
import { waitForWatermark } from './demo-freshness.ts';
import { freshnessLines, readPages } from './demo-metrics.ts';
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

async function streamSessions(pool: pg.Pool): Promise<Summary> {
  const sessions = wanted('DEMO_SESSIONS', 2000);
  const rowsPerSecondMax = wanted('DEMO_ROWS_PER_SECOND', 2000);
  step(`${sessions} conversations, written to Postgres the way an application does`);
  const bar = new cliProgress.SingleBar({
    format:
      '  {bar} {percentage} %  {value} of {total} sessions  {changes} row changes  {eta_formatted} left',
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

await runCommand(async () => {
  const settings = readSettings(process.env);
  const { postgres, cql } = stackAddresses();
  await startEverything(settings);
  const pool = new pg.Pool({ ...postgres, max: concurrency });
  try {
    await startTurnstream(settings, pool);
    const before = await readPages(settings);
    const summary = await streamSessions(pool);
    step('Waiting until the read models have passed the last commit');
    const session = await connectCql({
      ...cqlDefaults,
      contactPoints: cql.contactPoints,
      port: cql.port,
      localDataCenter: cql.datacenter,
    });
    try {
      const waitedMs = await waitForWatermark(pool, session);
      console.log(`  passed after ${Math.round(waitedMs)} ms`);
      const freshness = freshnessLines(before, await readPages(settings), summary);
      console.log(await demoReport(session, settings, freshness));
    } finally {
      await session.close();
    }
  } finally {
    await pool.end();
  }
  return 0;
});
