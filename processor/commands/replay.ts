/** `turnstream replay`: builds the next generation of read models from the event store. */
import { Registry } from 'prom-client';
import type { Config } from '../config.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { type MetricsServer, startMetricsServer } from '../metrics/server.ts';
import type { Projection } from '../projection/projection.ts';
import type { BuildScope } from '../replay/build.ts';
import { plannedReads, sampledRate } from '../replay/dry-run.ts';
import type { ReplayOptions, ReplayResult } from '../replay/ports.ts';
import { replay } from '../replay/replay.ts';
import type { CommandArguments, CommandContext, CommandOptions, ExitCode } from './context.ts';
import { type OpenReplay, openReplay } from './open-replay.ts';
import { dryRunReport, dryRunText, resultsJson, resultsText } from './replay-report.ts';
import { barReporter, loggedReporter, meteredReporter, together } from './replay-reporting.ts';
import { startThreads } from './replay-threads.ts';
import { systemClock } from './system-clock.ts';

const sampleMs = 3000;

export async function replayCommand(
  context: CommandContext,
  { projections, options }: CommandArguments,
): Promise<ExitCode> {
  const { config, log: logger, print, json } = context;
  const threads = threadsOf(config, options);
  const opened = await openReplay(config, projections, logger, threads);
  try {
    const wanted = replayOptions(options);
    if (options.dryRun === true) return await dryRun(context, opened, projections, wanted);
    checkVerifiable(opened, wanted);
    const results = await replayAll(context, opened, projections, wanted, options.concurrency);
    print(json ? resultsJson(results) : resultsText(results));
    const isDone = ({ outcome }: ReplayResult) => outcome === 'promoted' || outcome === 'built';
    return results.every(isDone) ? 0 : 1;
  } finally {
    await opened.close();
  }
}

export function replayOptions(options: CommandOptions): ReplayOptions {
  return {
    until: options.until ?? null,
    keep: options.keep ?? 1,
    verify: options.verify ?? true,
    promote: options.promote ?? true,
    acceptDeadLetters: options.acceptDeadLetters === true,
    eventsPerSecondMax: options.eventsPerSecondMax ?? null,
  };
}

/** One that has no partition would have nothing to do. */
function threadsOf({ replay, kafka }: Config, { threads }: CommandOptions): number {
  return Math.min(threads ?? replay.threads, kafka.eventsPartitions);
}

/** Told before hours of building, not after them. */
function checkVerifiable({ ports }: OpenReplay, { verify, until }: ReplayOptions): void {
  if (!verify || until !== null || ports.verify !== null) return;
  throw new TurnstreamError(
    'CONFIGURATION',
    'This build of Turnstream cannot verify what it has built; give --no-verify to replay without.',
  );
}

/** So many read models at a time in one pass over the events; all of them, when it is not said. */
async function replayAll(
  context: CommandContext,
  { ports: own, settings }: OpenReplay,
  projections: readonly Projection[],
  options: ReplayOptions,
  concurrency = projections.length,
): Promise<readonly ReplayResult[]> {
  const helpers = (scope: BuildScope) => startThreads(context, settings, scope);
  const ports = { ...own, helpers };
  const { config, signal, interactive, json, log: logger } = context;
  const registry = new Registry();
  const metrics = createMetrics(registry, { nowMs: systemClock.nowMs });
  const server = await serveMetrics(context, registry);
  const { reportIntervalMs: intervalMs } = config.replay;
  const reporter = together([
    meteredReporter((name) => metrics.replay(name)),
    interactive && !json
      ? barReporter()
      : loggedReporter(logger, { intervalMs, nowMs: systemClock.nowMs }),
  ]);
  const results: ReplayResult[] = [];
  try {
    for (let start = 0; start < projections.length && !signal.aborted; start += concurrency) {
      const some = projections.slice(start, start + concurrency);
      results.push(...(await replay(ports, settings, some, options, reporter, signal)));
    }
    return results;
  } finally {
    reporter.close();
    await server.close();
  }
}

/** A replay beside a worker finds the port taken, and takes another one. */
async function serveMetrics(
  { config, log: logger }: CommandContext,
  registry: Registry,
): Promise<MetricsServer> {
  const { host, port } = config.metrics;
  const health = {
    live: () => ({ ok: true, reasons: [] }),
    ready: () => ({ ok: true, reasons: [] }),
  };
  const serve = async (): Promise<MetricsServer> => {
    try {
      return await startMetricsServer({ host, port, registry, health });
    } catch (thrown) {
      const text = `${messageOf(thrown)} The replay takes any free port.`;
      logger.warn({ port }, text);
      return await startMetricsServer({ host, port: 0, registry, health });
    }
  };
  const server = await serve();
  logger.info({ metrics: `${server.url}/metrics` }, 'replay starts');
  return server;
}

async function dryRun(
  { config, log: logger, print, json, signal }: CommandContext,
  { ports, settings }: OpenReplay,
  projections: readonly Projection[],
  { until, eventsPerSecondMax }: ReplayOptions,
): Promise<ExitCode> {
  const planned = await plannedReads(ports, settings, projections, until);
  const isEmpty = planned.every(({ records }) => records === 0);
  if (!isEmpty) {
    logger.info({ sampleMs }, 'reading and folding for a moment, to see how fast that is here');
  }
  const sample = isEmpty ? null : await sampledRate(ports, settings, projections, sampleMs, signal);
  const report = dryRunReport(planned, sample, eventsPerSecondMax);
  print(json ? JSON.stringify({ ...report, keyspace: config.cql.keyspace }) : dryRunText(report));
  return 0;
}
