import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { parsePrometheusText, sampleOf } from '../../test/support/prometheus-text.ts';
import type { Logger } from '../logger.ts';
import type { Lsn } from '../source/lsn.ts';
import { LagPoll, type LagSources } from './lag.ts';
import { createMetrics } from './metrics.ts';
import { Progress } from './progress.ts';

function fixture(sources: Partial<LagSources>) {
  const registry = new Registry();
  const metrics = createMetrics(registry, { processMetrics: false });
  const group = new Progress(Date.now);
  const warnings: string[] = [];
  const heard = (_fields: unknown, message: string) => {
    warnings.push(message);
  };
  const log: Logger = { debug: heard, info: heard, warn: heard, error: heard, child: () => log };
  const poll = new LagPoll({
    sources: {
      primary: async () => ({
        currentLsn: 500 as Lsn,
        slot: { name: 's', status: 'reserved', active: true, retainedBytes: 70 },
      }),
      endOffsets: async () => [10, 20],
      committedOffsets: async () => [10, null],
      ...sources,
    },
    metrics,
    own: metrics.progress,
    group,
    log,
  });
  const scrape = async () => parsePrometheusText(await registry.metrics());
  return { metrics, group, poll, warnings, scrape };
}

const polls = 'turnstream_source_polls_total';

test('a poll brings the ends of held partitions, the primary and the slot', async () => {
  const { metrics, group, poll, scrape } = fixture({});
  metrics.progress.hold('p', 1, { offset: 15, watermark: { lsn: 450 as Lsn, committedAt: 0 } });
  await poll.once();
  const families = await scrape();
  expect(sampleOf(families, 'turnstream_lag_records', { projection: 'p', partition: '1' })).toBe(5);
  expect(sampleOf(families, 'turnstream_lag_bytes', { projection: 'p' })).toBe(50);
  expect(sampleOf(families, 'turnstream_slot_retained_bytes', { slot: 's' })).toBe(70);
  expect(sampleOf(families, polls, { source: 'log', result: 'ok' })).toBe(1);
  expect(group.held().map(({ offset, endOffset }) => [offset, endOffset])).toEqual([
    [10, 10],
    [0, 20],
  ]);
});

test('a failure is counted every time, told once, and over once it is over', async () => {
  let away = true;
  const { poll, warnings, scrape } = fixture({
    endOffsets: async () => {
      if (away) throw new Error('Kafka is away');
      return [0];
    },
  });
  await poll.once();
  await poll.once();
  expect(warnings).toEqual(["lag can't be measured, its metrics keep their values: Kafka is away"]);
  const families = await scrape();
  expect(sampleOf(families, polls, { source: 'log', result: 'error' })).toBe(2);
  expect(sampleOf(families, polls, { source: 'postgres', result: 'ok' })).toBe(2);
  away = false;
  await poll.once();
  expect(warnings.at(-1)).toBe('lag can be measured again');
});

test('polling ends with its signal, in the middle of a pause', async () => {
  const stop = new AbortController();
  let pauses = 0;
  const { poll } = fixture({});
  const delay = async () => {
    pauses++;
    if (pauses === 3) stop.abort();
  };
  await poll.run(1000, { delay }, stop.signal);
  expect(pauses).toBe(3);
});
