/** How fresh the read models are: the wait for a commit, and what the metrics pages say. */
import type { Pool } from 'pg';
import { CqlCheckpointStore } from '../processor/cql/checkpoint-store.ts';
import type { CqlSession } from '../processor/cql/session.ts';
import type { ReadModel } from '../processor/engine/store.ts';
import { TurnstreamError } from '../processor/error.ts';
import { type Lsn, parseLsn } from '../processor/source/lsn.ts';
import { projections } from '../projections/index.ts';

export const keyspace = 'turnstream';
const eventsPartitions = 4;
const waitMsMax = 300_000;
const pollMs = 25;

export const models: readonly ReadModel[] = projections.map(({ shape }) => ({
  shape,
  generation: 1,
}));

/** Resolves when every read model has passed what is committed now; the milliseconds it took. */
export async function waitForWatermark(pool: Pool, session: CqlSession): Promise<number> {
  const lsn = await currentLsn(pool);
  const checkpoints = new CqlCheckpointStore(session, keyspace);
  const started = performance.now();
  for (;;) {
    const passed = await Promise.all(models.map((model) => hasPassed(checkpoints, model, lsn)));
    const waitedMs = performance.now() - started;
    if (!passed.includes(false)) return waitedMs;
    if (waitedMs > waitMsMax) {
      throw new TurnstreamError(
        'STALLED',
        `The read models have not passed the last commit within ${waitMsMax / 1000} s. ` +
          '`npx turnstream lag` shows where they are, `make status` where the logs are.',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function hasPassed(
  checkpoints: CqlCheckpointStore,
  model: ReadModel,
  lsn: Lsn,
): Promise<boolean> {
  const marks = [...(await checkpoints.load(model)).values()];
  if (marks.length < eventsPartitions) return false;
  return marks.every(({ watermark }) => watermark !== null && watermark.lsn >= lsn);
}

async function currentLsn(pool: Pool): Promise<Lsn> {
  const { rows } = await pool.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  const lsn = parseLsn(rows[0]?.lsn ?? '');
  if (lsn === undefined) throw new TurnstreamError('CONNECT', 'Postgres did not say its LSN.');
  return lsn;
}
