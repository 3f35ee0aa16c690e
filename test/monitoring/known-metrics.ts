/**
 * Every series that a Prometheus can have of Turnstream, with its labels: what processor/metrics declares,
 * what prom-client adds, and the few that others report and rules.yaml names.
 */
import { Registry } from 'prom-client';
import { type MetricDeclaration, metricTable } from '../../processor/metrics/metric-table.ts';
import { changeOutcomes, createMetrics, stages } from '../../processor/metrics/metrics.ts';
import { slotStatuses } from '../../processor/metrics/scraped.ts';
import { parsePrometheusText } from '../support/prometheus-text.ts';

/** What Prometheus and its service discovery put on a target. */
const targetLabels = ['job', 'instance', 'namespace', 'pod'];

/** Of Prometheus itself, kube-state-metrics and the kubelet. */
const ofOthers: Readonly<Record<string, readonly string[]>> = {
  ALERTS: ['alertname', 'alertstate', 'severity'],
  kube_pod_container_status_restarts_total: ['container'],
  kube_pod_status_ready: ['condition'],
  kube_pod_status_phase: ['phase'],
  kubelet_volume_stats_available_bytes: ['persistentvolumeclaim'],
  kubelet_volume_stats_capacity_bytes: ['persistentvolumeclaim'],
};

/** Values that a label can have, where the code fixes them. */
export const knownValues: Readonly<Record<string, readonly string[]>> = {
  status: slotStatuses,
  outcome: [...changeOutcomes, 'retried', 'failed', 'discarded'],
  stage: stages,
  source: ['postgres', 'log'],
  result: ['ok', 'error', 'hit', 'miss', 'equal', 'differences', 'unknown'],
  kind: ['missing', 'extra', 'different'],
  part: ['sequencer', 'worker'],
};

/** Series name → its labels. */
export async function knownSeries(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>();
  const add = (name: string, type: string, labels: readonly string[]) => {
    for (const [series, more] of seriesOf(name, type)) {
      known.set(series, [...targetLabels, ...labels, ...more]);
    }
  };
  for (const [name, { type, labels }] of Object.entries<MetricDeclaration>(metricTable)) {
    add(name, type, labels);
  }
  const registry = new Registry();
  createMetrics(registry);
  for (const { name, type } of parsePrometheusText(await registry.metrics()).values()) {
    if (!name.startsWith('turnstream_')) add(name, type, []);
  }
  for (const [name, labels] of Object.entries(ofOthers)) add(name, 'gauge', labels);
  return known;
}

function seriesOf(name: string, type: string): readonly (readonly [string, readonly string[]])[] {
  if (type !== 'histogram') return [[name, []]];
  return [
    [`${name}_bucket`, ['le']],
    [`${name}_sum`, []],
    [`${name}_count`, []],
  ];
}
