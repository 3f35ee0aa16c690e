/**
 * Readers with a token: now and then one works out how far a read model is, as any reader would, from
 * the checkpoints; then it reads the read model, with its watermark as the token.
 */
import { CqlCheckpointStore } from '../../processor/cql/checkpoint-store.ts';
import { readAll, readAllTotals } from '../../processor/cql/read.ts';
import type { ReadModel } from '../../processor/engine/store.ts';
import { TurnstreamError } from '../../processor/error.ts';
import type { TokenCheck } from './checks/token-check.ts';
import type { Dice } from './dice.ts';
import type { Knobs } from './knobs.ts';
import { type Outside, schema } from './outside.ts';
import { Process } from './process.ts';
import { theWorld } from './scheduler.ts';

const betweenMsMax = 400;

export function startReaders(
  outside: Outside,
  models: readonly ReadModel[],
  knobs: Knobs,
  dice: Dice,
  token: TokenCheck,
  broke: (who: string, error: unknown) => void,
): void {
  const { scheduler, cluster } = outside;
  const process = new Process('reader');
  const session = cluster.session(process);
  const checkpoints = new CqlCheckpointStore(session, schema.keyspace);
  let atMs = 0;
  for (let look = 0; look < knobs.looks; look += 1) {
    atMs += dice.int(0, betweenMsMax);
    const model = dice.pick(models);
    scheduler.after(theWorld, atMs, 'reader', () => {
      read(model).catch((error: unknown) => {
        // A reader that gets no answer asks again some other time.
        if (!(error instanceof TurnstreamError && error.retriable)) broke('reader', error);
      });
    });
  }

  async function read(model: ReadModel): Promise<void> {
    const found = await checkpoints.load(model);
    if (found.size < knobs.eventsPartitions) return;
    const lsns = [...found.values()].map(({ watermark }) => watermark?.lsn ?? 0);
    const watermarkLsn = Math.min(...lsns);
    if (watermarkLsn === 0) return;
    const rows =
      model.shape.kind === 'map'
        ? await readAll(session, schema.keyspace, model)
        : await readAllTotals(session, schema.keyspace, model);
    token.observe({ model: model.shape.projection, watermarkLsn, rows: () => rows });
  }
}
