/**
 * What the sequencer and the worker have in common as services: metrics, health, their server, the
 * lag poll, and the order of ending. The server is the first to start, so that a taken port is told
 * before anything joins a group, and the last to stop, so that a drain can be watched.
 */
import { Registry } from 'prom-client';
import type { RetrySettings } from '../engine/retry.ts';
import type { ErrorCode } from '../error.ts';
import type { LogAdmin } from '../kafka/log.ts';
import type { Logger } from '../logger.ts';
import { Health } from '../metrics/health.ts';
import { LagPoll } from '../metrics/lag.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { PrimaryProbe } from '../metrics/primary.ts';
import { Progress } from '../metrics/progress.ts';
import { startMetricsServer } from '../metrics/server.ts';
import type { CommandContext } from './context.ts';
import { openLogBriefly } from './open-log.ts';
import { reopening } from './reopening.ts';
import { sparingLogger, tellsOfAnotherTry } from './sparing-logger.ts';
import { supervised } from './supervised.ts';
import { systemClock } from './system-clock.ts';

export type ServiceParts = {
  readonly metrics: Metrics;
  readonly health: Health;
  /** Says what repeats itself once in a while. */
  readonly log: Logger;
};

export type ServiceRole = {
  readonly part: 'sequencer' | 'worker';
  /** What it reads, and as which group. */
  readonly topic: string;
  readonly group: string;
  /** The pauses before it is tried again. */
  readonly retry: RetrySettings;
  /** Goes on from the first attempt to the last, until the signal aborts. Never rejects. */
  readonly beside?: (metrics: Metrics, signal: AbortSignal) => Promise<void>;
};

/** Served as 0 until one happens. */
const commonRestarts: readonly ErrorCode[] = ['STALLED', 'LOG', 'CONNECT'];

/**
 * Runs `work`, again and again while what it fails for passes by itself (supervised.ts). Rejects
 * with what does not. `work` ends by itself when the context's signal aborts.
 */
export async function asService(
  context: CommandContext,
  role: ServiceRole,
  work: (parts: ServiceParts) => Promise<void>,
): Promise<void> {
  const { config, log: logger, signal } = context;
  const { nowMs } = systemClock;
  const registry = new Registry();
  const metrics = createMetrics(registry, { nowMs });
  const own = role.part === 'worker' ? metrics.progress : metrics.sequencerProgress;
  const group = new Progress(nowMs, role.part === 'sequencer' ? 1 : 0);
  const health = new Health({ own, group, stalledMsMax: config.metrics.stalledMsMax, nowMs });
  const { host, port } = config.metrics;
  const server = await startMetricsServer({ host, port, registry, health });
  logger.info({ metrics: `${server.url}/metrics`, group: role.group }, `${role.part} starts`);
  const ending = new AbortController();
  const polling = pollLag(context, role, { metrics, own, group }, ending.signal);
  const beside = role.beside?.(metrics, ending.signal);
  const drain = () => {
    health.enter('draining');
    logger.info({}, 'stopping: what is in hand is finished first; a second signal ends at once');
  };
  signal.addEventListener('abort', drain, { once: true });
  try {
    await supervisedWork(context, role, { metrics, health }, work);
    logger.info({}, `${role.part} has stopped`);
  } finally {
    signal.removeEventListener('abort', drain);
    ending.abort();
    await Promise.all([polling, beside]);
    await server.close();
  }
}

async function supervisedWork(
  { config, log: logger, signal }: CommandContext,
  { part, retry }: ServiceRole,
  { metrics, health }: Omit<ServiceParts, 'log'>,
  work: (parts: ServiceParts) => Promise<void>,
): Promise<void> {
  const log = sparingLogger(logger, {
    repeatMsMin: config.log.repeatMsMin,
    nowMs: systemClock.nowMs,
    repeats: tellsOfAnotherTry,
  });
  for (const code of commonRestarts) metrics.restarts(part, code);
  await supervised(() => work({ metrics, health, log }), {
    part,
    clock: systemClock,
    random: Math.random,
    settings: retry,
    log,
    signal,
    hasBegun: () => health.hasPlace,
    failed: ({ code, message }) => {
      metrics.restarts(part, code).inc();
      health.waits(message);
    },
  });
}

async function pollLag(
  { config, log: logger }: CommandContext,
  role: ServiceRole,
  parts: { readonly metrics: Metrics; readonly own: Progress; readonly group: Progress },
  signal: AbortSignal,
): Promise<void> {
  const probe = new PrimaryProbe(config.postgres, config.connect.slotName);
  // Not the service's own: a poll gives up soon and comes again, and must not disturb the reading.
  const log = openLogBriefly(config.kafka, logger);
  const admin = reopening<LogAdmin>(() => log.admin());
  const sources = {
    primary: () => probe.report(),
    endOffsets: async () => (await admin.get()).endOffsets(role.topic),
    committedOffsets: async () => (await admin.get()).committedOffsets(role.group, role.topic),
  };
  const poll = new LagPoll({ sources, ...parts, log: logger });
  await poll.run(config.metrics.pollIntervalMs, systemClock, signal);
  await Promise.all([probe.close(), admin.close()]);
}
