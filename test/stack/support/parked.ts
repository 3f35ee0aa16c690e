/** Many parked steps: how many the sequencer says there are, since when, and what memory it takes. */
import { expect } from 'vitest';
import { parsePrometheusText, sampleOf } from '../../support/prometheus-text.ts';
import { pause } from '../../support/wait.ts';
import type { Spine } from './spine.ts';
import type { TurnstreamProcess } from './turnstream-process.ts';

/** A watermark is out before its batch is written, and the metric says what is written. */
const polling = { interval: 100, timeout: 30_000 };

export type ParkedShown = { readonly steps: number; readonly oldestSeconds: number };

export async function parkedShown(sequencer: TurnstreamProcess): Promise<ParkedShown> {
  const metrics = parsePrometheusText(await sequencer.metrics());
  return {
    steps: sampleOf(metrics, 'turnstream_parked_steps'),
    oldestSeconds: sampleOf(metrics, 'turnstream_parked_oldest_seconds'),
  };
}

/** The same, when it has come to tell of what was folded last. */
export async function parkedShownAs(
  sequencer: TurnstreamProcess,
  steps: number,
): Promise<ParkedShown> {
  await expect.poll(async () => (await parkedShown(sequencer)).steps, polling).toBe(steps);
  return parkedShown(sequencer);
}

/** Steps whose agent turn is in no session, as Postgres has them. */
export async function parkedInPostgres(spine: Spine): Promise<number> {
  const { rows } = await spine.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM steps s WHERE NOT EXISTS
       (SELECT FROM agent_turns t WHERE t.uid = s.agent_turn_uid AND t.session_uid IS NOT NULL)`,
  );
  return rows[0]!.count;
}

/** Runs it, and answers the most memory that the process took meanwhile, in bytes. */
export async function residentBytesMax(
  one: TurnstreamProcess,
  run: () => Promise<unknown>,
): Promise<number> {
  let most = 0;
  let running = true;
  const look = async () => {
    const metrics = parsePrometheusText(await one.metrics());
    most = Math.max(most, sampleOf(metrics, 'process_resident_memory_bytes'));
  };
  const ended = run().finally(() => {
    running = false;
  });
  while (running) {
    await look();
    await Promise.race([ended, pause(500)]);
  }
  await ended;
  await look();
  return most;
}

/** Inserts so many steps under so many turns that nobody knows, some thousands a transaction. */
export async function park(
  spine: Spine,
  prefix: string,
  { steps, turns }: { readonly steps: number; readonly turns: number },
): Promise<void> {
  const stepsOfTransaction = 20_000;
  for (let from = 0; from < steps; from += stepsOfTransaction) {
    const to = Math.min(steps, from + stepsOfTransaction) - 1;
    await spine.pool.query(
      `INSERT INTO steps SELECT '${prefix}' || i % ${turns}, i / ${turns}, i % 13,
         '{"text":"' || repeat(md5(i::text), 6) || '"}', timestamptz '2026-03-05Z' + i * interval '1 ms'
       FROM generate_series(${from}, ${to}) i`,
    );
  }
}

/** The turns of which the number divides by `each` come, in one statement. */
export function release(spine: Spine, prefix: string, turns: number, each: number) {
  return spine.pool.query(
    `INSERT INTO agent_turns SELECT '${prefix}' || i * ${each}, '${prefix}s', NULL, NULL, '2026-03-04Z'
     FROM generate_series(0, ${Math.ceil(turns / each) - 1}) i`,
  );
}
