/**
 * The generator for programs (the demo, tests, benchmarks): tables, conversations, mixed changes.
 * main.ts is the same for people.
 */
import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { TurnstreamError } from '../processor/error.ts';
import { type MutateSummary, mutate } from './mutate.ts';
import { type Options, parseSettings, type Settings } from './settings.ts';
import { planConversation } from './shape.ts';
import { noCounts, streamSessions } from './stream.ts';

export type Progress = {
  /** Sessions whose last transaction is committed. */
  readonly sessions: number;
  readonly transactions: number;
  /** Rows inserted, updated and deleted. */
  readonly changes: number;
};

export type Summary = {
  readonly seed: number;
  readonly sessions: number;
  readonly turns: number;
  readonly humanTurns: number;
  readonly agentTurns: number;
  readonly steps: number;
  readonly transactions: number;
  /** Rows inserted, updated and deleted, mixed changes included. */
  readonly changes: number;
  readonly seconds: number;
  readonly changesPerSecond: number;
  readonly mixed: MutateSummary | null;
};

/** Creates the four tables and their indexes where they are missing. */
export async function createTables(pool: Pool): Promise<void> {
  await pool.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
}

/**
 * Writes `options.sessions` conversations; the tables must be there. The pool must allow
 * `concurrency` connections (twice as many with mixed changes). Throws CONFIGURATION for wrong
 * settings and for rows that are there already, CONNECT when Postgres fails. After an abort it
 * resolves with what has been committed.
 */
export async function generate(
  pool: Pool,
  options: Options,
  onProgress: (progress: Progress) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<Summary> {
  const settings = parseSettings(options);
  const connectionsMin = settings.concurrency * (settings.mixedChanges > 0 ? 2 : 1);
  if (pool.options.max < connectionsMin) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `The generator needs ${connectionsMin} connections and its pool allows ${pool.options.max}. ` +
        'Raise the pool’s max or lower concurrency.',
    );
  }
  const startedAt = performance.now();
  const counts = { ...noCounts };
  let mixedSoFar = 0;
  const report = (): void => {
    onProgress({ ...counts, changes: counts.changes + mixedSoFar });
  };
  const control = { onCommit: report, signal };
  const first = settings.firstSession;
  const last = first + settings.sessions;
  let mixed: MutateSummary | null = null;
  if (settings.mixedChanges === 0) {
    await streamSessions(pool, settings, { from: first, to: last }, counts, control);
  } else {
    const half = first + Math.ceil(settings.sessions / 2);
    await streamSessions(pool, settings, { from: first, to: half }, counts, control);
    const onCommit = (rows: number): void => {
      mixedSoFar += rows;
      report();
    };
    const [changed] = await allOrThrow([
      mutateSessions(pool, settings, { from: first, to: half }, onCommit, signal),
      streamSessions(pool, settings, { from: half, to: last }, counts, control),
    ]);
    mixed = changed;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const changes = counts.changes + (mixed?.changes ?? 0);
  return {
    ...counts,
    seed: settings.seed,
    turns: counts.humanTurns + counts.agentTurns,
    transactions: counts.transactions + (mixed?.transactions ?? 0),
    changes,
    seconds,
    changesPerSecond: changes / seconds,
    mixed,
  };
}

function mutateSessions(
  pool: Pool,
  settings: Settings,
  range: { readonly from: number; readonly to: number },
  onCommit: (rows: number) => void,
  signal: AbortSignal,
): Promise<MutateSummary> {
  const sessionUids: string[] = [];
  for (let number = range.from; number < range.to; number += 1) {
    sessionUids.push(planConversation(settings, number).sessionUid);
  }
  return mutate(pool, {
    seed: settings.seed,
    changes: settings.mixedChanges,
    lanes: settings.concurrency,
    endAtMs: settings.endAtMs,
    sessionUids,
    onCommit,
    signal,
  });
}

/** Like Promise.all, but neither is left running when the other fails. */
async function allOrThrow<A, B>(both: readonly [Promise<A>, Promise<B>]): Promise<readonly [A, B]> {
  const [a, b] = await Promise.allSettled(both);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}
