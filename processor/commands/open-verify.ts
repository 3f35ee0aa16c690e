/**
 * Verification over the real source, log and database, from the settings. What it opens it closes with each
 * call, so that `--continuous` and a replay begin anew whatever went away between two of them.
 */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { CqlCheckpointStore } from '../cql/checkpoint-store.ts';
import { CqlHoldStore } from '../cql/hold-store.ts';
import { CqlReadModelReader } from '../cql/read-model-reader.ts';
import { openEventCodec } from '../event/codec.ts';
import type { Logger } from '../logger.ts';
import type { Verify } from '../replay/ports.ts';
import { httpRegistry } from '../source/registry.ts';
import { textCharsMax } from '../source/row-limits.ts';
import { everything, type Part, type Target } from '../verify/ports.ts';
import { PostgresSource } from '../verify/postgres-snapshot.ts';
import { verifyReport, verifyText } from '../verify/report.ts';
import { verifyDefaults } from '../verify/settings.ts';
import { type Verification, verify } from '../verify/verify.ts';
import { openCql } from './open-cql.ts';
import { openLog } from './open-log.ts';
import { systemClock } from './system-clock.ts';
import { type VerifyReporter, verifyLines } from './verify-reporting.ts';

export type VerifyCall = {
  readonly targets: readonly Target[];
  readonly part: Part;
  readonly repair: boolean;
  readonly signal: AbortSignal;
  readonly progress: VerifyReporter['progress'];
};

export async function runVerification(
  config: Config,
  logger: Logger,
  { targets, part, repair, signal, progress }: VerifyCall,
): Promise<Verification> {
  const { eventsTopic, eventsPartitions, projectionsGroup, recordBytesMax } = config.kafka;
  const { readersMax, sessionsPerRead, pageRowsMax, waitMsMax } = config.verify;
  const decoder = await openEventCodec(httpRegistry({ url: config.registry.url }), eventsTopic);
  const session = await openCql(config);
  try {
    const { keyspace } = config.cql;
    const reader = new CqlReadModelReader(session, {
      keyspace,
      readsInFlightMax: readersMax,
      pageRowsMax,
    });
    const holds = new CqlHoldStore(session, keyspace, systemClock);
    const source = new PostgresSource({
      postgres: config.postgres,
      textCharsMax: textCharsMax(recordBytesMax),
      readersMax,
      sessionsPerRead,
      waitMsMax,
    });
    const deps = {
      log: openLog(config.kafka, logger),
      decoder,
      source,
      reader,
      repair: repair ? { mender: reader, holds, owner: randomUUID() } : null,
      checkpoints: new CqlCheckpointStore(session, keyspace),
      clock: systemClock,
      signal,
      progress,
    };
    // A lane saves its checkpoint so often: one that stands still saves none.
    const standStillMs = Math.max(
      verifyDefaults.standStillMs,
      3 * config.worker.checkpointIntervalMs,
    );
    const settings = { ...config.verify, partitions: eventsPartitions, standStillMs };
    // Allowed where the workers' groups are, by its prefix.
    const group = `${projectionsGroup}.verify.${randomUUID()}`;
    return await verify(deps, settings, { targets, part, eventsTopic, group });
  } finally {
    await session.close();
  }
}

/** A line every few seconds: what is read at the moment, how far and how fast. */
export function loggedVerification(logger: Logger): VerifyReporter {
  return verifyLines(logger, { intervalMs: 5_000, nowMs: systemClock.nowMs });
}

/** For a replay: the whole of one generation, which it goes on keeping up to date meanwhile. */
export function generationVerifier(config: Config, logger: Logger): Verify {
  return async ({ version, generation }, projection, signal) => {
    const model = { shape: { ...projection.shape, version }, generation };
    const { progress } = loggedVerification(logger);
    const targets = [{ projection, model }];
    const call = { targets, part: everything, repair: false, signal, progress };
    const report = verifyReport(await runVerification(config, logger, call), everything);
    return { equal: report.verdict === 'equal', summary: verifyText(report) };
  };
}
