import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import {
  type MetricFamilies,
  parsePrometheusText,
  sampleOf,
  samplesOf,
} from '../../test/support/prometheus-text.ts';
import type { Lsn } from '../source/lsn.ts';
import { metricsDocument, metricTable } from './metric-table.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createVerifyMetrics } from './verify-metrics.ts';

function fixture(): {
  readonly metrics: Metrics;
  readonly clock: { nowMs: number };
  scrape(): Promise<MetricFamilies>;
} {
  const registry = new Registry();
  const clock = { nowMs: 1_000_000 };
  const metrics = createMetrics(registry, { nowMs: () => clock.nowMs, processMetrics: false });
  return { metrics, clock, scrape: async () => parsePrometheusText(await registry.metrics()) };
}

const mark = (offset: number, lsn: number, committedAt: number) => ({
  offset,
  watermark: { lsn: lsn as Lsn, committedAt },
});

test('dead letters that wait are told by partition, beside a watermark that goes on', async () => {
  const { metrics, clock, scrape } = fixture();
  metrics.progress.hold('p', 3, { ...mark(0, 100, clock.nowMs), deadLetters: 0 });
  metrics.sequencerProgress.hold('sequencer', 0, mark(0, 100, clock.nowMs));
  metrics.progress.advance('p', 3, { ...mark(5, 200, clock.nowMs), deadLetters: 2 });
  metrics.sequencerProgress.lettersWaiting('sequencer', 0, 1);
  metrics.sequencerProgress.advance('sequencer', 0, mark(9, 300, clock.nowMs));
  const families = await scrape();
  const waiting = (origin: string) =>
    samplesOf(families, 'turnstream_dead_letters_waiting')
      .filter(({ labels }) => labels['origin'] === origin)
      .map(({ labels, value }) => [labels['partition'], value]);
  expect([waiting('p'), waiting('sequencer')]).toEqual([[['3', 2]], [['0', 1]]]);
  expect(sampleOf(families, 'turnstream_watermark_lsn_bytes', { projection: 'p' })).toBe(200);
});

describe('staleness', () => {
  test('grows with the clock alone when nothing moves any more', async () => {
    const { metrics, clock, scrape } = fixture();
    metrics.progress.hold('p', 0, mark(0, 100, clock.nowMs - 250));
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(0.25);
    clock.nowMs += 60_000;
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(60.25);
    metrics.progress.advance('p', 0, mark(1, 200, clock.nowMs));
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(0);
  });

  test('is that of the stalest partition, of each projection apart', async () => {
    const { metrics, clock, scrape } = fixture();
    metrics.progress.hold('p', 0, mark(0, 100, clock.nowMs - 9000));
    metrics.progress.hold('p', 1, mark(0, 300, clock.nowMs - 1000));
    metrics.progress.hold('q', 0, mark(0, 200, clock.nowMs - 3000));
    const families = await scrape();
    expect(sampleOf(families, 'turnstream_staleness_seconds', { projection: 'p' })).toBe(9);
    expect(sampleOf(families, 'turnstream_staleness_seconds', { projection: 'q' })).toBe(3);
    expect(sampleOf(families, 'turnstream_watermark_lsn_bytes', { projection: 'p' })).toBe(100);
  });

  test('a partition that was given away no longer counts', async () => {
    const { metrics, clock, scrape } = fixture();
    metrics.progress.hold('p', 0, mark(0, 100, clock.nowMs - 9000));
    metrics.progress.hold('p', 1, mark(0, 300, clock.nowMs - 1000));
    metrics.progress.release('p', 0);
    metrics.progress.assigned([1]);
    metrics.progress.advance('p', 0, mark(5, 500, clock.nowMs));
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(1);
    metrics.progress.release('p', 1);
    metrics.progress.assigned([]);
    expect(samplesOf(await scrape(), 'turnstream_staleness_seconds')).toEqual([]);
  });

  test('a read model does not become fresher by its partitions being lost', async () => {
    const { metrics, clock, scrape } = fixture();
    metrics.progress.hold('p', 0, mark(0, 100, clock.nowMs - 1000));
    metrics.progress.hold('p', 1, mark(0, 50, clock.nowMs - 4000));
    metrics.progress.release('p', 0);
    metrics.progress.release('p', 1);
    clock.nowMs += 6000;
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(10);
    expect(samplesOf(await scrape(), 'turnstream_lag_records')).toEqual([]);
    // Partition 1 went to another process, which reports it now.
    metrics.progress.assigned([0]);
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(7);
    metrics.progress.hold('p', 0, mark(9, 200, clock.nowMs - 500));
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(0.5);
    metrics.progress.release('p', 0);
    metrics.progress.assigned([]);
    expect(samplesOf(await scrape(), 'turnstream_staleness_seconds')).toEqual([]);
  });

  test('a checkpoint without a new watermark keeps the one before', async () => {
    const { metrics, clock, scrape } = fixture();
    metrics.progress.hold('p', 0, mark(0, 100, clock.nowMs - 1000));
    metrics.progress.advance('p', 0, { offset: 7, watermark: null });
    expect(sampleOf(await scrape(), 'turnstream_staleness_seconds')).toBe(1);
  });
});

test('lag is what lies between checkpoint and end, watermark and primary', async () => {
  const { metrics, scrape } = fixture();
  metrics.progress.hold('p', 3, mark(40, 1000, 0));
  expect(samplesOf(await scrape(), 'turnstream_lag_records')).toEqual([]);
  metrics.progress.end('p', 3, 55);
  metrics.source.primary(5000 as Lsn);
  const families = await scrape();
  expect(sampleOf(families, 'turnstream_lag_records', { projection: 'p', partition: '3' })).toBe(
    15,
  );
  expect(sampleOf(families, 'turnstream_lag_bytes', { projection: 'p' })).toBe(4000);
});

test('who stands by has no sequencer lag; who works has', async () => {
  const { metrics, scrape } = fixture();
  expect(samplesOf(await scrape(), 'turnstream_sequencer_lag_records')).toEqual([]);
  metrics.sequencerProgress.hold('sequencer', 0, { offset: 10, watermark: null });
  metrics.sequencerProgress.end('sequencer', 0, 12);
  expect(sampleOf(await scrape(), 'turnstream_sequencer_lag_records')).toBe(2);
});

test('a stall is counted from when there was something to read, partition by partition', async () => {
  const { metrics, clock, scrape } = fixture();
  metrics.progress.hold('p', 0, mark(40, 1000, 0));
  metrics.progress.hold('p', 1, mark(40, 1000, 0));
  const stalled = async (partition: string) =>
    sampleOf(await scrape(), 'turnstream_stalled_seconds', { projection: 'p', partition });
  expect(await stalled('0')).toBe(0);
  clock.nowMs += 90_000;
  metrics.progress.end('p', 0, 41);
  metrics.progress.end('p', 1, 41);
  clock.nowMs += 7_000;
  metrics.progress.end('p', 0, 60);
  metrics.progress.advance('p', 1, mark(41, 2000, 0));
  expect([await stalled('0'), await stalled('1')]).toEqual([7, 0]);
  metrics.progress.advance('p', 0, mark(50, 2000, 0));
  expect(await stalled('0')).toBe(0);
  metrics.progress.release('p', 0);
  expect(samplesOf(await scrape(), 'turnstream_stalled_seconds')).toHaveLength(1);
});

test('who stands by as a sequencer is not stalled; who works may be', async () => {
  const { metrics, clock, scrape } = fixture();
  expect(samplesOf(await scrape(), 'turnstream_sequencer_stalled_seconds')).toEqual([]);
  metrics.sequencerProgress.hold('sequencer', 0, { offset: 10, watermark: null });
  metrics.sequencerProgress.end('sequencer', 0, 14);
  clock.nowMs += 3_000;
  expect(sampleOf(await scrape(), 'turnstream_sequencer_stalled_seconds')).toBe(3);
  metrics.sequencerProgress.release('sequencer', 0);
  expect(samplesOf(await scrape(), 'turnstream_sequencer_stalled_seconds')).toEqual([]);
});

test('a negative interval is observed as zero and counted', async () => {
  const { metrics, scrape } = fixture();
  metrics.projection('p').commitToReadable.observe(-0.5);
  metrics.stage.capture.observe(-0.1);
  metrics.stage.capture.observe(0.1);
  const families = await scrape();
  expect(sampleOf(families, 'turnstream_commit_to_readable_seconds_sum')).toBe(0);
  expect(sampleOf(families, 'turnstream_stage_seconds_count', { stage: 'capture' })).toBe(2);
  const counted = 'turnstream_negative_intervals_total';
  expect(sampleOf(families, counted, { interval: 'commit_to_readable' })).toBe(1);
  expect(sampleOf(families, counted, { interval: 'capture' })).toBe(1);
});

test('what becomes of changes is counted from zero on, all four ways (I7)', async () => {
  const { metrics, scrape } = fixture();
  metrics.sequencer().changes.parked.inc(2);
  const samples = samplesOf(await scrape(), 'turnstream_changes_total');
  expect(
    Object.fromEntries(samples.map(({ labels, value }) => [labels['outcome'], value])),
  ).toEqual({
    applied: 0,
    irrelevant: 0,
    parked: 2,
    'dead-lettered': 0,
  });
});

test('who is no sequencer serves nothing of one', async () => {
  const { metrics, scrape } = fixture();
  metrics.projection('p').events.inc();
  for (const name of ['sequencer_active', 'parked_steps', 'changes_total']) {
    expect(samplesOf(await scrape(), `turnstream_${name}`), name).toEqual([]);
  }
  metrics.sequencer();
  expect(sampleOf(await scrape(), 'turnstream_sequencer_active')).toBe(0);
});

test('exactly one status of the slot holds, and a slot without WAL has no retained bytes', async () => {
  const { metrics, scrape } = fixture();
  const slot = { name: 's', active: true, retainedBytes: 4096 };
  metrics.source.slot({ ...slot, status: 'reserved' });
  expect(sampleOf(await scrape(), 'turnstream_slot_retained_bytes', { slot: 's' })).toBe(4096);
  metrics.source.slot({ ...slot, status: 'lost', retainedBytes: null });
  const families = await scrape();
  const holding = samplesOf(families, 'turnstream_slot_status').filter(({ value }) => value === 1);
  expect(holding.map(({ labels }) => labels['status'])).toEqual(['lost']);
  expect(samplesOf(families, 'turnstream_slot_retained_bytes')).toEqual([]);
});

test('every metric of the table is served, with Node’s own beside them', async () => {
  const registry = new Registry();
  createMetrics(registry);
  const verifying = new Registry();
  createVerifyMetrics(verifying, Date.now);
  const families = new Map([
    ...parsePrometheusText(await registry.metrics()),
    ...parsePrometheusText(await verifying.metrics()),
  ]);
  for (const [name, { type }] of Object.entries(metricTable)) {
    expect(families.get(name)?.type, name).toBe(type);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
  }
  expect(families.has('process_resident_memory_bytes')).toBe(true);
});

test('docs/metrics.md lists the metrics as they are', async () => {
  await expect(metricsDocument()).toMatchFileSnapshot('../../docs/metrics.md');
});
