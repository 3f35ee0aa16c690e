import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { parsePrometheusText, sampleOf } from '../../test/support/prometheus-text.ts';
import type { HealthReport } from './health.ts';
import { createMetrics } from './metrics.ts';
import { type MetricsServer, startMetricsServer } from './server.ts';

const open: MetricsServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const alive: HealthReport = { ok: true, reasons: [] };

async function serverOn(port: number, live: HealthReport = alive) {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const server = await startMetricsServer({
    host: '127.0.0.1',
    port,
    registry,
    health: { live: () => live, ready: () => alive },
  });
  open.push(server);
  return { server, metrics };
}

test('/metrics is Prometheus text', async () => {
  const { server, metrics } = await serverOn(0);
  metrics.projection('p').events.inc(3);
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const families = parsePrometheusText(await response.text());
  expect(sampleOf(families, 'turnstream_events_total', { projection: 'p' })).toBe(3);
});

test('health answers 200 or 503 with its reasons', async () => {
  const { server } = await serverOn(0, { ok: false, reasons: ['It stands still.'] });
  const live = await fetch(`${server.url}/health/live`);
  expect([live.status, await live.json()]).toEqual([
    503,
    { ok: false, reasons: ['It stands still.'] },
  ]);
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
});

test('a taken port is one sentence with the setting and the way out', async () => {
  const { server } = await serverOn(0);
  const port = Number(new URL(server.url).port);
  await expect(serverOn(port)).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: `Port ${port} on 127.0.0.1, for the metrics, is taken by another process; choose another with --metrics-port (TURNSTREAM_METRICS_PORT), or 0 for any free one.`,
  });
});

test('an address that is not ours names the settings to check', async () => {
  const starting = startMetricsServer({
    host: '192.0.2.1',
    port: 0,
    registry: new Registry(),
    health: { live: () => alive, ready: () => alive },
  });
  await expect(starting).rejects.toThrow(/check TURNSTREAM_METRICS_HOST/);
});
