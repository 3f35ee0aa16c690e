/** The dashboard of one projection: its latency, its partitions, what it writes, what it lacks, its replay and verification. */
import { type Dashboard, quantile, query, type Row, stalenessLimits } from './description.ts';

const one = 'projection="$projection", namespace=~"$namespace"';
const letters = 'origin="$projection", namespace=~"$namespace"';
const readable = 'turnstream_commit_to_readable_seconds';

const glance: Row = {
  title: '$projection',
  panels: [
    {
      title: 'Staleness',
      description: 'Age of what readers see now.',
      kind: 'stat',
      unit: 's',
      width: 4,
      limits: stalenessLimits,
      queries: [query('', `max(turnstream_staleness_seconds{${one}})`)],
    },
    {
      title: 'Commit to readable, p50',
      description: 'From the commit in Postgres until the rows can be read, half of the events.',
      kind: 'stat',
      unit: 's',
      width: 4,
      emptyMeans: 'No events',
      queries: [query('', quantile(0.5, readable, one, ''))],
    },
    {
      title: 'Commit to readable, p99',
      description: 'The same, 99 of 100 events.',
      kind: 'stat',
      unit: 's',
      width: 4,
      limits: { orange: 1, red: 10 },
      emptyMeans: 'No events',
      queries: [query('', quantile(0.99, readable, one, ''))],
    },
    {
      title: 'Dead letters waiting',
      description: 'Events that its function threw on: the read model lacks what they would write.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      limits: { orange: 1 },
      queries: [query('', `sum(turnstream_dead_letters_waiting{${letters}})`)],
    },
    {
      title: 'Hosted by',
      description: 'Processes that host what readers use. None: readers are not kept up to date.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      queries: [query('', `sum(turnstream_projection_hosted{${one}})`)],
    },
    {
      title: 'Versions behind',
      description:
        'How far what readers use is behind the definition: above 0 a replay is due, below 0 a build is older than what readers use.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      limits: { orange: 1 },
      queries: [query('', `max(turnstream_projection_version_behind{${one}})`)],
    },
  ],
};

const latency: Row = {
  title: 'Latency',
  panels: [
    {
      title: 'Commit to readable',
      description: 'From the commit in Postgres until the rows of an event can be read.',
      kind: 'lines',
      unit: 's',
      width: 12,
      emptyMeans: 'No events',
      queries: [0.5, 0.9, 0.99].map((q) => query(`p${q * 100}`, quantile(q, readable, one, ''))),
    },
    {
      title: 'Commit to readable, all events',
      description: 'How many events took how long: the darker, the more.',
      kind: 'heatmap',
      unit: 's',
      width: 12,
      emptyMeans: 'No events',
      queries: [
        query('{{le}}', `sum by (le) (increase(${readable}_bucket{${one}}[$__rate_interval]))`),
      ],
    },
    {
      title: 'Staleness by process',
      description:
        'Of the partitions that each process holds. One line above the others: look at that process.',
      kind: 'lines',
      unit: 's',
      width: 12,
      limits: stalenessLimits,
      queries: [query('{{instance}}', `max by (instance) (turnstream_staleness_seconds{${one}})`)],
    },
    {
      title: 'WAL behind the primary',
      description: 'Bytes of WAL between what Postgres has written and the watermark.',
      kind: 'lines',
      unit: 'bytes',
      width: 12,
      queries: [query('behind', `max(turnstream_lag_bytes{${one}})`)],
    },
  ],
};

const partitions: Row = {
  title: 'Partitions',
  panels: [
    {
      title: 'Records behind',
      description:
        'Records of turnstream.events after the checkpoint of each partition. One far above the others: a large session, or a partition that stands still.',
      kind: 'lines',
      unit: 'short',
      width: 12,
      queries: [query('{{partition}}', `max by (partition) (turnstream_lag_records{${one}})`)],
    },
    {
      title: 'Standing still',
      description:
        'Time for which there has been something to read without the checkpoint moving. It is near 0 also under full load.',
      kind: 'lines',
      unit: 's',
      width: 12,
      limits: { red: 60 },
      queries: [query('{{partition}}', `max by (partition) (turnstream_stalled_seconds{${one}})`)],
    },
  ],
};

const throughput: Row = {
  title: 'Throughput',
  panels: [
    {
      title: 'Events folded',
      description: 'Events that the projection takes, by process.',
      kind: 'stacked',
      unit: 'eps',
      width: 8,
      queries: [
        query(
          '{{instance}}',
          `sum by (instance) (rate(turnstream_events_total{${one}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Rows written',
      description:
        'Rows that the CQL database has acknowledged, by kind: upsert and delete of a map, totals of an aggregate.',
      kind: 'stacked',
      unit: 'eps',
      width: 8,
      queries: [
        query(
          '{{op}}',
          `sum by (op) (rate(turnstream_rows_written_total{${one}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Rows for an event',
      description:
        'Below 1 a batch writes rows once that several events touch; above 1 an event has several rows.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: 'No events',
      queries: [
        query(
          'rows',
          `sum(rate(turnstream_rows_written_total{${one}}[$__rate_interval])) / sum(rate(turnstream_events_total{${one}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};

const wholeness: Row = {
  title: 'What it lacks',
  panels: [
    {
      title: 'Dead letters waiting',
      description: 'By partition. `turnstream dead-letters list` names them.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      queries: [
        query('{{partition}}', `max by (partition) (turnstream_dead_letters_waiting{${letters}})`),
      ],
    },
    {
      title: 'Dead letters, what becomes of them',
      description: 'Set aside; then retried, failed again or discarded.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: 'None since the start',
      queries: [
        query(
          'set aside',
          `sum(increase(turnstream_dead_letters_total{${letters}}[$__rate_interval]))`,
        ),
        query(
          '{{outcome}}',
          `sum by (outcome) (increase(turnstream_dead_letter_retries_total{${letters}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Differences from Postgres',
      description:
        'Rows that the last comparison of `turnstream verify --continuous` found missing, extra or different.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      limits: { red: 1 },
      emptyMeans: 'Nothing verifies it continuously',
      queries: [query('{{kind}}', `max by (kind) (turnstream_verify_differences{${one}})`)],
    },
  ],
};

const replay: Row = {
  title: 'Replay',
  panels: [
    {
      title: 'Progress',
      description: 'Share of the event store that has been read for the generation being built.',
      kind: 'lines',
      unit: 'percentunit',
      width: 8,
      emptyMeans: 'No replay runs',
      queries: [query('read', `max(turnstream_replay_progress_ratio{${one}})`)],
    },
    {
      title: 'Speed',
      description: 'Events that the replay reads, over the last 15 seconds.',
      kind: 'lines',
      unit: 'eps',
      width: 8,
      emptyMeans: 'No replay runs',
      queries: [query('events', `sum(turnstream_replay_events_per_second{${one}})`)],
    },
    {
      title: 'Phase',
      description: 'building, catching up, verifying, promoting, done: the one that is 1.',
      kind: 'lines',
      unit: 'none',
      width: 8,
      emptyMeans: 'No replay runs',
      queries: [query('{{phase}}', `max by (phase) (turnstream_replay_phase{${one}}) > 0`)],
    },
  ],
};

export const projection: Dashboard = {
  uid: 'turnstream-projection',
  title: 'Turnstream / Projection',
  description: 'One projection in depth: latency, partitions, throughput, what it lacks, replay.',
  ofOneProjection: true,
  rows: [glance, latency, partitions, throughput, wholeness, replay],
};
