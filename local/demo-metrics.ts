/**
 * The demo's freshness figures, from the processes' own metrics pages: what Prometheus would see.
 * Quantiles are interpolated within histogram buckets, as `histogram_quantile` does.
 */
import {
  type MetricFamilies,
  parsePrometheusText,
  samplesOf,
} from '../test/support/prometheus-text.ts';
import { duration } from './duration.ts';
import { host } from './probe.ts';
import type { Settings } from './settings.ts';
import { table } from './terminal.ts';

/** The metrics pages before the conversations are streamed, so that only these are counted. */
export type Pages = { readonly worker: MetricFamilies; readonly sequencer: MetricFamilies };

export async function readPages(settings: Settings): Promise<Pages> {
  const [worker, sequencer] = await Promise.all([
    page(settings.workerMetricsPort),
    page(settings.sequencerMetricsPort),
  ]);
  return { worker, sequencer };
}

async function page(port: number): Promise<MetricFamilies> {
  const response = await fetch(`http://${host}:${port}/metrics`);
  return parsePrometheusText(await response.text());
}

/** One stream of conversations, until it could be read: the pages before and after. */
export type Measured = {
  readonly before: Pages;
  readonly after: Pages;
  readonly changes: number;
  readonly seconds: number;
};

export function freshnessTable({ before, after }: Measured): string {
  const quantiles = (name: string, labels: Readonly<Record<string, string>>) => {
    const counts = bucketsSince(before.worker, after.worker, name, labels);
    return [0.5, 0.95, 0.99].map((q) => duration((quantile(counts, q) ?? Number.NaN) * 1e6));
  };
  const projections = samplesOf(after.worker, 'turnstream_events_total').map(
    ({ labels }) => labels['projection'] ?? '',
  );
  const readable = projections.map((projection) => [
    projection,
    ...quantiles('turnstream_commit_to_readable_seconds', { projection }),
  ]);
  const stages = ['capture', 'sequence', 'project', 'write'].map((stage) => [
    `  ${stage}`,
    ...quantiles('turnstream_stage_seconds', { stage }),
  ]);
  return table([
    ['READ MODEL', 'P50', 'P95', 'P99'],
    ...readable,
    ['of that', '', '', ''],
    ...stages,
  ]);
}

/** All of it on this machine: generator, Postgres, Kafka, Cassandra and Turnstream share its cores. */
export function throughputTable({ before, after, changes, seconds }: Measured): string {
  const line = (name: string, n: number) => [
    name,
    n.toLocaleString('en-US'),
    `${Math.round(n / seconds).toLocaleString('en-US')} a second`,
  ];
  return table([
    line('row changes in Postgres', changes),
    line(
      'events',
      sumSince(before.sequencer, after.sequencer, 'turnstream_sequenced_events_total'),
    ),
    line(
      'rows written to read models',
      sumSince(before.worker, after.worker, 'turnstream_rows_written_total'),
    ),
  ]);
}

type Bucket = { readonly upTo: number; readonly count: number };

/** Cumulated counts by upper bound. */
function bucketsSince(
  before: MetricFamilies,
  after: MetricFamilies,
  name: string,
  labels: Readonly<Record<string, string>>,
): readonly Bucket[] {
  const former = new Map(
    samplesOf(before, `${name}_bucket`, labels).map((sample) => [
      sample.labels['le'],
      sample.value,
    ]),
  );
  return samplesOf(after, `${name}_bucket`, labels)
    .map(({ labels: { le = '' }, value }) => ({
      upTo: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
      count: value - (former.get(le) ?? 0),
    }))
    .sort((a, b) => a.upTo - b.upTo);
}

function quantile(buckets: readonly Bucket[], q: number): number | null {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return null;
  const rank = q * total;
  let from: Bucket = { upTo: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank) {
      if (bucket.upTo === Number.POSITIVE_INFINITY) return from.upTo;
      const share = (rank - from.count) / Math.max(1, bucket.count - from.count);
      return from.upTo + (bucket.upTo - from.upTo) * share;
    }
    from = bucket;
  }
  return from.upTo;
}

function sumSince(before: MetricFamilies, after: MetricFamilies, name: string): number {
  const sum = (families: MetricFamilies) =>
    samplesOf(families, name).reduce((total, { value }) => total + value, 0);
  return sum(after) - sum(before);
}
