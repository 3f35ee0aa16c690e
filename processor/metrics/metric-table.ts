/**
 * Every metric, declared once (DESIGN 3.9): what metrics.ts creates and docs/metrics.md lists.
 * Base units, prefix `turnstream_`; a counter ends in `_total`. Node's and the process's own
 * metrics (`process_…`, `nodejs_…`) come with prom-client and are not listed.
 */

export type MetricDeclaration = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
};

/** 1 ms to 10 min. */
export const secondsBuckets: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  120, 300, 600,
];

const recordsBuckets: readonly number[] = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000];

export const metricTable = {
  turnstream_commit_to_readable_seconds: {
    type: 'histogram',
    help: "From an event's commit in Postgres to the acknowledgement of its last row by the CQL database.",
    labels: ['projection'],
    buckets: secondsBuckets,
  },
  turnstream_stage_seconds: {
    type: 'histogram',
    help: 'The parts of commit_to_readable: capture (commit to Debezium), sequence (to the event in the log), project (to its rows computed), write (to their acknowledgement).',
    labels: ['stage'],
    buckets: secondsBuckets,
  },
  turnstream_staleness_seconds: {
    type: 'gauge',
    help: 'Now minus the commit time of the oldest watermark among the partitions that this process holds, or held last and knows of no other holder; computed at the scrape, so it grows when anything upstream stops. Absent before the first watermark.',
    labels: ['projection'],
  },
  turnstream_lag_records: {
    type: 'gauge',
    help: 'Records of the partition of turnstream.events that come after the projection’s checkpoint.',
    labels: ['projection', 'partition'],
  },
  turnstream_stalled_seconds: {
    type: 'gauge',
    help: 'Time for which there has been something to read in the partition without the projection’s checkpoint moving; 0 while it is up to date or moves. /health/live judges by it. Computed at the scrape.',
    labels: ['projection', 'partition'],
  },
  turnstream_lag_bytes: {
    type: 'gauge',
    help: "WAL bytes between the primary's LSN at the last poll and the projection's watermark.",
    labels: ['projection'],
  },
  turnstream_events_total: {
    type: 'counter',
    help: 'Events that a projection has folded.',
    labels: ['projection'],
  },
  turnstream_rows_written_total: {
    type: 'counter',
    help: 'Rows acknowledged by the CQL database, by op: upsert, delete, totals.',
    labels: ['projection', 'op'],
  },
  turnstream_watermark_lsn_bytes: {
    type: 'gauge',
    help: "The oldest watermark's LSN as a number of bytes since the start of the WAL.",
    labels: ['projection'],
  },
  turnstream_projection_version_behind: {
    type: 'gauge',
    help: 'Versions that what readers use is behind this build’s definition: above 0 a replay is due, below 0 this build is the older one.',
    labels: ['projection'],
  },
  turnstream_projection_hosted: {
    type: 'gauge',
    help: '1 while this process hosts what readers use of the projection, 0 while its build has no definition of that version: then it hosts nothing of it.',
    labels: ['projection'],
  },
  turnstream_changes_total: {
    type: 'counter',
    help: 'Records of turnstream.changes that the sequencer has consumed, by what became of them: applied, irrelevant, parked, dead-lettered (I7).',
    labels: ['outcome'],
  },
  turnstream_sequenced_events_total: {
    type: 'counter',
    help: 'Events that the sequencer has appended to turnstream.events, by type.',
    labels: ['type'],
  },
  turnstream_sequencer_active: {
    type: 'gauge',
    help: '1 while this process is the sequencer that works, 0 while it stands by.',
    labels: [],
  },
  turnstream_sequencer_lag_records: {
    type: 'gauge',
    help: 'Records of turnstream.changes that come after the offset which the sequencer has committed.',
    labels: [],
  },
  turnstream_sequencer_stalled_seconds: {
    type: 'gauge',
    help: 'The same as turnstream_stalled_seconds of the sequencer’s own offset in turnstream.changes; absent where it stands by.',
    labels: [],
  },
  turnstream_parked_steps: {
    type: 'gauge',
    help: 'Steps whose agent turn has not arrived yet, among those that this sequencer has seen.',
    labels: [],
  },
  turnstream_parked_oldest_seconds: {
    type: 'gauge',
    help: 'Time since the last change of the oldest step among them, at least that and a little more; 0 when none is parked. Computed at the scrape.',
    labels: [],
  },
  turnstream_dead_letters_total: {
    type: 'counter',
    help: 'Records set aside in turnstream.dead-letters, by origin: a projection’s name, or sequencer.',
    labels: ['origin'],
  },
  turnstream_dead_letters_waiting: {
    type: 'gauge',
    help: 'Dead letters that wait to be retried or discarded, in the partitions that this process holds: above 0 the read model lacks what they would have written, whatever its watermark says.',
    labels: ['origin', 'partition'],
  },
  turnstream_dead_letter_retries_total: {
    type: 'counter',
    help: 'Dead letters that were tried again or discarded, by origin and outcome: retried, failed, discarded.',
    labels: ['origin', 'outcome'],
  },
  turnstream_batch_records: {
    type: 'histogram',
    help: 'Records taken together, by part: sequencer, worker.',
    labels: ['part'],
    buckets: recordsBuckets,
  },
  turnstream_batch_seconds: {
    type: 'histogram',
    help: 'From taking a batch until its events (sequencer) or rows (worker) are acknowledged, by part.',
    labels: ['part'],
    buckets: secondsBuckets,
  },
  turnstream_bytes_in_flight: {
    type: 'gauge',
    help: 'Bytes fetched and not yet written, by part (I10).',
    labels: ['part'],
  },
  turnstream_cache_entries: {
    type: 'gauge',
    help: 'Entries in a cache: state (the sequencer’s containers), hints (its turns) or totals (a worker’s).',
    labels: ['cache'],
  },
  turnstream_cache_bytes: {
    type: 'gauge',
    help: 'Estimated bytes in a cache.',
    labels: ['cache'],
  },
  turnstream_cache_reads_total: {
    type: 'counter',
    help: 'Look-ups in a cache, by result: hit, miss.',
    labels: ['cache', 'result'],
  },
  turnstream_retries_total: {
    type: 'counter',
    help: 'Repeated calls after a retriable error, by operation.',
    labels: ['operation'],
  },
  turnstream_rebalances_total: {
    type: 'counter',
    help: 'Assignments of partitions to this process, by part: sequencer, worker.',
    labels: ['part'],
  },
  turnstream_restarts_total: {
    type: 'counter',
    help: 'Times that a part was closed and opened again within its process, by part (sequencer, worker) and code: STALLED when its consumer fetched nothing though there was something to fetch, else the code of the error that it could not wait out (LOG, CONNECT, …).',
    labels: ['part', 'code'],
  },
  turnstream_negative_intervals_total: {
    type: 'counter',
    help: 'Intervals of the histograms that came out below zero, since two clocks differ; they are observed as 0.',
    labels: ['interval'],
  },
  turnstream_replay_progress_ratio: {
    type: 'gauge',
    help: 'How much of the event store a replay has read for the generation that it builds, from 0 to 1; while it catches up it stays just below 1.',
    labels: ['projection'],
  },
  turnstream_replay_events_per_second: {
    type: 'gauge',
    help: 'Events that a replay reads a second, over the last 15 seconds.',
    labels: ['projection'],
  },
  turnstream_replay_phase: {
    type: 'gauge',
    help: '1 for the phase that a replay is in: building, catching up, verifying, promoting, done.',
    labels: ['projection', 'phase'],
  },
  turnstream_verify_runs_total: {
    type: 'counter',
    help: 'Comparisons of `turnstream verify --continuous`, by result: equal, differences, unknown (not all could be compared), failed (nothing could).',
    labels: ['result'],
  },
  turnstream_verify_age_seconds: {
    type: 'gauge',
    help: 'Time since the last comparison that ended in equal or differences; computed at the scrape. Absent before the first one.',
    labels: [],
  },
  turnstream_verify_lsn_bytes: {
    type: 'gauge',
    help: 'LSN of the last comparison, as a number of bytes since the start of the WAL.',
    labels: [],
  },
  turnstream_verify_duration_seconds: {
    type: 'gauge',
    help: 'How long the last comparison took.',
    labels: [],
  },
  turnstream_verify_rounds: {
    type: 'gauge',
    help: 'Snapshots of the source that the last comparison took: more than one when rows changed meanwhile or differ.',
    labels: [],
  },
  turnstream_verify_rows: {
    type: 'gauge',
    help: 'Rows of the read model that the last comparison compared.',
    labels: ['projection'],
  },
  turnstream_verify_differences: {
    type: 'gauge',
    help: 'Rows that differed in the last comparison, by kind: missing, extra, different. Alert on any.',
    labels: ['projection', 'kind'],
  },
  turnstream_verify_repaired_rows_total: {
    type: 'counter',
    help: 'Rows that `--repair` has rewritten.',
    labels: ['projection'],
  },
  turnstream_verify_open_rows: {
    type: 'gauge',
    help: 'Rows of the last comparison, by state: changing (to its end, and as the log has them), unsettled (not known), pinned (written from outside at timestamps beyond the log: their later changes do not show), refused (the projection’s function throws on their facts).',
    labels: ['projection', 'state'],
  },
  turnstream_slot_retained_bytes: {
    type: 'gauge',
    help: 'WAL bytes that the replication slot holds back in Postgres.',
    labels: ['slot'],
  },
  turnstream_slot_status: {
    type: 'gauge',
    help: '1 for the status that the slot is in: reserved, extended, unreserved, lost (the WAL is gone: a new snapshot is needed), missing.',
    labels: ['slot', 'status'],
  },
  turnstream_slot_active: {
    type: 'gauge',
    help: '1 while Debezium is connected to the slot.',
    labels: ['slot'],
  },
  turnstream_connector_running: {
    type: 'gauge',
    help: '1 while the connector and its task run; 0 when they have failed, rest or are not there. Absent while Kafka Connect does not answer.',
    labels: ['connector'],
  },
  turnstream_connector_restarts_total: {
    type: 'counter',
    help: 'Times that a failed connector or task was begun anew.',
    labels: ['connector'],
  },
  turnstream_source_polls_total: {
    type: 'counter',
    help: 'Polls for the lag metrics, by source (postgres, log) and result (ok, error). While polls fail, the lag metrics keep their last values.',
    labels: ['source', 'result'],
  },
} as const satisfies Record<string, MetricDeclaration>;

export type MetricName = keyof typeof metricTable;

/** docs/metrics.md; a test keeps it equal. */
export function metricsDocument(): string {
  const rows = Object.entries(metricTable).map(([name, metric]) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ') || '–';
    return `| \`${name}\` | ${metric.type} | ${labels} | ${metric.help} |`;
  });
  return [
    '# Metrics',
    '',
    'Served on `/metrics` by `turnstream sequence`, `turnstream run` and `turnstream verify --continuous`, in the Prometheus text format.',
    'Generated from processor/metrics/metric-table.ts; a test keeps both equal.',
    '',
    '| metric | type | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    'Beside them: the metrics of the process and of Node.js (`process_…`, `nodejs_…`).',
    '',
  ].join('\n');
}
