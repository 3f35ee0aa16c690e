import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { cards, counts } from '../../test/worker/history.ts';
import { World } from '../../test/worker/world.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { metricsObserver } from './metrics-observer.ts';

test("a worker's batches arrive in the metrics", async () => {
  const registry = new Registry();
  const nowMs = () => 1_700_000_100_000;
  const metrics = createMetrics(registry, { nowMs, processMetrics: false });
  const world = await new World({
    partitions: 1,
    projections: [cards(), counts()],
    observer: metricsObserver(metrics),
  }).open();
  for (const entity of [0, 1, 2]) {
    const to = { account: 'a', tpe: entity, content: entity === 2 ? 'poison' : 'c', partition: 0 };
    await world.append(world.history.apply({ entity, to }));
  }
  await world.append(world.history.watermark(1));
  world.start();
  await world.settle();
  const text = await registry.metrics();
  expect(text).toContain('turnstream_events_total{projection="cards"} 3');
  expect(text).toContain('turnstream_rows_written_total{projection="cards",op="upsert"} 2');
  expect(text).toContain('turnstream_rows_written_total{projection="counts",op="totals"} 1');
  expect(text).toContain('turnstream_commit_to_readable_seconds_count{projection="cards"} 2');
  expect(text).toContain('turnstream_stage_seconds_count{stage="write"} 3');
  expect(text).toContain('turnstream_stage_seconds_sum{stage="capture"} 0.015');
  expect(text).toContain('turnstream_dead_letters_total{origin="counts"} 1');
  expect(text).toContain('turnstream_lag_records{projection="cards",partition="0"} 0');
  expect(text).toContain('turnstream_bytes_in_flight{part="worker"} 0');
  // Watermark of position 3072: committed 96,928 ms before now.
  expect(text).toContain('turnstream_staleness_seconds{projection="cards"} 96.928');
  expect(text).toContain('turnstream_rebalances_total{part="worker"} 1');
});

test('a letter that is discarded is counted, and waits no longer', async () => {
  const registry = new Registry();
  const metrics = createMetrics(registry, { nowMs: () => 0, processMetrics: false });
  const projections = [counts('dead-letter')];
  const observer = metricsObserver(metrics);
  const world = await new World({ partitions: 1, projections, observer }).open();
  for (const entity of [0, 1]) {
    const to = { account: 'a', tpe: 1, content: 'poison', partition: 0 };
    await world.append(world.history.apply({ entity, to }));
  }
  world.start();
  await world.settle();
  const waiting = (count: number) =>
    `turnstream_dead_letters_waiting{origin="counts",partition="0"} ${count}`;
  expect(await registry.metrics()).toContain(waiting(2));
  await world.discard('counts', 0, 1);
  await world.settle();
  const text = await registry.metrics();
  expect(text).toContain(waiting(1));
  expect(text).toContain(
    'turnstream_dead_letter_retries_total{origin="counts",outcome="discarded"} 1',
  );
});
