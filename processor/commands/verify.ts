/** `turnstream verify`: once, or with `--continuous` as a service. */
import { Registry } from 'prom-client';
import { CqlGenerationStore } from '../cql/generation-store.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import { Health } from '../metrics/health.ts';
import { Progress } from '../metrics/progress.ts';
import { startMetricsServer } from '../metrics/server.ts';
import { createVerifyMetrics, type VerifyMetrics } from '../metrics/verify-metrics.ts';
import type { Projection } from '../projection/projection.ts';
import type { Part } from '../verify/ports.ts';
import { type VerifyReport, verifyReport, verifyText } from '../verify/report.ts';
import type { Verdict } from '../verify/verify.ts';
import type { CommandArguments, CommandContext, CommandOptions, ExitCode } from './context.ts';
import { openCql } from './open-cql.ts';
import { loggedVerification, runVerification } from './open-verify.ts';
import { systemClock } from './system-clock.ts';
import { type VerifyReporter, verifyBars } from './verify-reporting.ts';
import { verifyTargets } from './verify-targets.ts';

const intervalSecondsDefault = 60;

const exitCodes: Readonly<Record<Verdict, ExitCode>> = { equal: 0, differences: 1, unknown: 2 };

export async function verifyCommand(
  context: CommandContext,
  { projections, options }: CommandArguments,
): Promise<ExitCode> {
  if (options.interval !== undefined && options.continuous !== true) {
    throw new TurnstreamError('CONFIGURATION', '--interval is for --continuous: give both.');
  }
  if (options.continuous === true) return await verifyContinuously(context, projections, options);
  try {
    const report = await verifyOnce(context, projections, options, reporterOf(context));
    context.print(context.json ? JSON.stringify(report) : verifyText(report));
    return exitCodes[report.verdict];
  } catch (thrown) {
    if (!(thrown instanceof TurnstreamError) || thrown.code === 'CONFIGURATION') throw thrown;
    context.log.error({ err: thrown }, `could not verify: ${thrown.message}`);
    if (context.json) context.print(JSON.stringify({ verdict: 'unknown', error: thrown.message }));
    return exitCodes.unknown;
  }
}

/** Bars are for people who look; a service, or one that prints JSON, has lines in its log. */
export function reporterOf({ interactive, json, log }: CommandContext): VerifyReporter {
  return interactive && !json ? verifyBars(systemClock.nowMs) : loggedVerification(log);
}

async function verifyOnce(
  { config, log, signal }: CommandContext,
  projections: readonly Projection[],
  options: CommandOptions,
  reporter: VerifyReporter,
): Promise<VerifyReport> {
  const part = partOf(options);
  const session = await openCql(config);
  const targets = await verifyTargets(
    new CqlGenerationStore(session, config.cql.keyspace, systemClock),
    projections,
    options.generation,
  ).finally(() => session.close());
  const repair = options.repair === true;
  const { progress } = reporter;
  try {
    const call = { targets, part, repair, signal, progress };
    return verifyReport(await runVerification(config, log, call), part);
  } finally {
    reporter.close();
  }
}

function partOf({ sample, account, since }: CommandOptions): Part {
  return { sample: sample ?? null, accountUid: account ?? null, sinceMs: since ?? null };
}

/** Until it is stopped. What it can't compare now it compares the next time. */
async function verifyContinuously(
  context: CommandContext,
  projections: readonly Projection[],
  options: CommandOptions,
): Promise<ExitCode> {
  const { config, log, signal } = context;
  const { nowMs } = systemClock;
  const registry = new Registry();
  const metrics = createVerifyMetrics(registry, nowMs);
  const nothing = new Progress(nowMs);
  const { host, port, stalledMsMax } = config.metrics;
  const health = new Health({ own: nothing, group: nothing, stalledMsMax, nowMs });
  const server = await startMetricsServer({ host, port, registry, health });
  log.info({ metrics: `${server.url}/metrics` }, 'verify starts');
  health.enter('running');
  try {
    while (!signal.aborted) {
      const once = () => verifyOnce(context, projections, options, loggedVerification(log));
      await oneOfMany(context, metrics, health, once);
      await systemClock.delay((options.interval ?? intervalSecondsDefault) * 1000, signal);
    }
    log.info({}, 'verify has stopped');
    return 0;
  } finally {
    await server.close();
  }
}

async function oneOfMany(
  { log, json, print, signal }: CommandContext,
  metrics: VerifyMetrics,
  health: Health,
  run: () => Promise<VerifyReport>,
): Promise<void> {
  try {
    const report = await run();
    metrics.report(report);
    health.enter('running');
    if (json) print(JSON.stringify(report));
    const { verdict, lsn, seconds, rounds } = report;
    const fields = { verdict, lsn, seconds, rounds };
    if (verdict === 'equal') log.info(fields, 'equal');
    else log[verdict === 'differences' ? 'error' : 'warn'](fields, verifyText(report));
  } catch (thrown) {
    if (signal.aborted) return;
    if (!(thrown instanceof TurnstreamError) || thrown.code === 'CONFIGURATION') throw thrown;
    metrics.failed();
    health.waits(messageOf(thrown));
    log.warn({ err: thrown }, `could not verify: ${thrown.message}`);
  }
}
