/**
 * The HTTP server of a service: /metrics for Prometheus, /health/live and /health/ready for
 * Kubernetes (200 or 503, with the reasons as JSON). It asks nobody else, so it answers also when
 * Kafka, Postgres or the CQL database are away.
 */
import fastify from 'fastify';
import type { Registry } from 'prom-client';
import { settingsTable } from '../config/settings-table.ts';
import { messageOf, TurnstreamError } from '../error.ts';
import type { Health, HealthReport } from './health.ts';

export type MetricsServer = { readonly url: string; close(): Promise<void> };

export async function startMetricsServer(options: {
  readonly host: string;
  /** 0: any free one; `url` says which. */
  readonly port: number;
  readonly registry: Registry;
  readonly health: Pick<Health, 'live' | 'ready'>;
}): Promise<MetricsServer> {
  const { host, port, registry, health } = options;
  const server = fastify({ logger: false, forceCloseConnections: true });
  server.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  const answers = { '/health/live': () => health.live(), '/health/ready': () => health.ready() };
  for (const [path, report] of Object.entries<() => HealthReport>(answers)) {
    server.get(path, async (_request, reply) => {
      const { ok, reasons } = report();
      return reply.code(ok ? 200 : 503).send({ ok, reasons });
    });
  }
  try {
    const url = await server.listen({ host, port });
    return { url, close: () => server.close() };
  } catch (thrown) {
    await server.close();
    throw listenError(host, port, thrown);
  }
}

function listenError(host: string, port: number, thrown: unknown): TurnstreamError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const { host: hostSetting, port: portSetting } = settingsTable.metrics;
  if (code === 'EADDRINUSE') {
    return new TurnstreamError(
      'CONFIGURATION',
      `Port ${port} on ${host}, for the metrics, is taken by another process; choose another with ${portSetting.flag} (${portSetting.env}), or 0 for any free one.`,
      { cause: thrown },
    );
  }
  return new TurnstreamError(
    'CONFIGURATION',
    `The metrics server can't listen on ${host}:${port} (${messageOf(thrown)}); check ${hostSetting.env} and ${portSetting.env}.`,
    { cause: thrown },
  );
}
