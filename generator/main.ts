/**
 * The generator's command line: `npx tsx generator/main.ts --help`. Exit 0, 1 when writing failed,
 * 2 for wrong settings.
 */
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import pg from 'pg';
import { messageOf, TurnstreamError } from '../processor/error.ts';
import { createTables, generate, type Progress, type Summary } from './generate.ts';

type Flags = {
  readonly sessions: number;
  readonly rate: number;
  readonly seed: number;
  readonly firstSession: number;
  readonly concurrency: number;
  readonly mixed: number;
  readonly speed: number;
  readonly spanHours: number;
  readonly end: number;
  readonly database: string;
  readonly json: boolean;
};

function numeric(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError('expected a number');
  }
  return value;
}

function moment(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('expected a time: 2026-03-01T12:00:00Z');
  return value;
}

const defaultDatabase = 'postgres://postgres@127.0.0.1:15432/conversations';
const { TURNSTREAM_GENERATOR_DATABASE: database = defaultDatabase } = process.env;

const command = new Command('generator')
  .description(
    'Writes realistic conversations to Postgres as an application does: many sessions at once, a ' +
      'transaction per turn or step, branches, corrections, moves and deletions. Creates the four ' +
      'tables if they are missing. The simulated time ends at --end, so created_at lies in the ' +
      'hours before it, microseconds included.',
  )
  .option('--sessions <count>', 'conversations to write (about 50 row changes each)', numeric, 2000)
  .option('--rate <rows>', 'row changes a second, at most; 0: as fast as possible', numeric, 0)
  .option('--seed <number>', 'same seed, same --end: same rows (default: the time)', numeric)
  .option('--first-session <number>', 'go on after sessions that this seed wrote', numeric, 0)
  .option('--concurrency <count>', 'transactions in flight', numeric, 16)
  .option(
    '--mixed <changes>',
    'also this many odd row changes: keys, moves, deletes, orphans, COPY, rollbacks, savepoints',
    numeric,
    0,
  )
  .option('--speed <factor>', 'simulated seconds a second; 0: as --rate allows', numeric, 0)
  .option('--span-hours <hours>', 'sessions start in these hours before the end', numeric, 24)
  .option('--end <time>', 'where the simulated time ends (default: now)', moment)
  .option('--database <url>', 'or TURNSTREAM_GENERATOR_DATABASE', database)
  .option('--json', 'print the summary as one JSON object, and nothing else', false)
  .exitOverride((end) => process.exit(end.exitCode === 0 ? 0 : 2));

async function main(flags: Flags): Promise<void> {
  const now = Date.now();
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  const pool = new pg.Pool({
    connectionString: flags.database,
    max: Math.max(1, 2 * flags.concurrency),
    application_name: 'conversation generator',
  });
  // Connections that die while idle: the next query says what is wrong.
  pool.on('error', () => undefined);
  const progress = flags.json || !process.stderr.isTTY ? undefined : barOf(flags.sessions);
  try {
    await createTables(pool);
    const summary = await generate(
      pool,
      {
        seed: flags.seed ?? now,
        sessions: flags.sessions,
        firstSession: flags.firstSession,
        endAtMs: flags.end ?? now,
        spanHours: flags.spanHours,
        rowsPerSecondMax: flags.rate,
        concurrency: flags.concurrency,
        speed: flags.speed,
        mixedChanges: flags.mixed,
      },
      progress?.show,
      abort.signal,
    );
    progress?.stop();
    console.log(flags.json ? JSON.stringify(summary) : sentence(summary));
  } finally {
    progress?.stop();
    await pool.end();
  }
}

function barOf(sessions: number): { show: (progress: Progress) => void; stop: () => void } {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} sessions, {changes} row changes, {duration_formatted}',
    hideCursor: true,
  });
  bar.start(sessions, 0, { changes: 0 });
  return {
    show: ({ sessions: done, changes }) => bar.update(done, { changes }),
    stop: () => bar.stop(),
  };
}

function sentence(summary: Summary): string {
  const number = (value: number): string => Math.round(value).toLocaleString('en');
  return (
    `${number(summary.sessions)} sessions, ${number(summary.turns)} turns and ` +
    `${number(summary.steps)} steps: ${number(summary.changes)} row changes in ` +
    `${number(summary.transactions)} transactions, ${summary.seconds.toFixed(1)} s ` +
    `(${number(summary.changesPerSecond)} a second), seed ${summary.seed}`
  );
}

try {
  command.parse();
  await main(command.opts<Flags>());
} catch (thrown) {
  const wrongSettings = thrown instanceof TurnstreamError && thrown.code === 'CONFIGURATION';
  console.error(messageOf(thrown));
  process.exitCode = wrongSettings ? 2 : 1;
}
