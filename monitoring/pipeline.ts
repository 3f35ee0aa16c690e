/** The dashboard to look at first: is everything well, how far is each stage behind, how much goes through it. */
import { captureRow } from './capture.ts';
import { type Dashboard, mean, quantile, query, type Row, stalenessLimits } from './description.ts';

const all = 'namespace=~"$namespace"';
const readable = 'turnstream_commit_to_readable_seconds';
/** Processes of ours, among all that are scraped. */
const ours = `and on (job, instance) {__name__=~"turnstream_source_polls_total|turnstream_verify_runs_total", ${all}}`;

const glance: Row = {
  title: 'At a glance',
  panels: [
    {
      title: 'Stalest read model',
      description:
        'Age of what its readers see. A heartbeat passes every 100 ms, so it stays below a second while all is well, also when nobody writes.',
      kind: 'stat',
      unit: 's',
      width: 4,
      limits: stalenessLimits,
      queries: [query('', `max(turnstream_staleness_seconds{${all}})`)],
    },
    {
      title: 'Commit to readable, p99',
      description: 'From the commit in Postgres until the rows can be read, 99 of 100 events.',
      kind: 'stat',
      unit: 's',
      width: 4,
      limits: { orange: 1, red: 10 },
      emptyMeans: 'No events',
      queries: [query('', quantile(0.99, readable, all, ''))],
    },
    {
      title: 'Changes',
      description: 'Row changes of Postgres that the sequencer takes in, in one second.',
      kind: 'stat',
      unit: 'eps',
      width: 4,
      queries: [query('', `sum(rate(turnstream_changes_total{${all}}[$__rate_interval]))`)],
    },
    {
      title: 'Active sequencers',
      description:
        'One is right. None: nothing gets further than Kafka. More than one for a moment is a fail-over; the former one is refused.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      queries: [query('', `sum(turnstream_sequencer_active{${all}})`)],
    },
    {
      title: 'Dead letters waiting',
      description:
        'Records that were set aside and wait for somebody: what they would have written is missing.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      limits: { orange: 1 },
      queries: [query('', `sum(turnstream_dead_letters_waiting{${all}})`)],
    },
    {
      title: 'Alerts',
      description: 'Alerts of Turnstream that fire now, as far as rules.yaml is loaded.',
      kind: 'stat',
      unit: 'none',
      width: 4,
      limits: { red: 1 },
      queries: [
        query(
          '',
          `count(ALERTS{alertname=~"Turnstream.*", alertstate="firing", ${all}}) or vector(0)`,
        ),
      ],
    },
  ],
};

const lag: Row = {
  title: 'How far behind',
  panels: [
    {
      title: 'Staleness',
      description:
        'Age of what readers of each read model see: now minus the commit time of its oldest watermark. It grows when anything upstream stops. All together: capture or the sequencer. One alone: its worker.',
      kind: 'lines',
      unit: 's',
      width: 12,
      limits: stalenessLimits,
      linksToProjection: true,
      queries: [
        query('{{projection}}', `max by (projection) (turnstream_staleness_seconds{${all}})`),
      ],
    },
    {
      title: 'WAL behind the primary',
      description: 'Bytes of WAL between what Postgres has written and the watermark.',
      kind: 'lines',
      unit: 'bytes',
      width: 12,
      linksToProjection: true,
      queries: [query('{{projection}}', `max by (projection) (turnstream_lag_bytes{${all}})`)],
    },
    {
      title: 'Records before the sequencer',
      description: 'Records of turnstream.changes that the sequencer has not folded yet.',
      kind: 'lines',
      unit: 'short',
      width: 12,
      queries: [query('sequencer', `max(turnstream_sequencer_lag_records{${all}})`)],
    },
    {
      title: 'Records before the projections',
      description:
        'Records of turnstream.events after the checkpoints, over all partitions that somebody holds.',
      kind: 'lines',
      unit: 'short',
      width: 12,
      linksToProjection: true,
      queries: [query('{{projection}}', `sum by (projection) (turnstream_lag_records{${all}})`)],
    },
  ],
};

const throughput: Row = {
  title: 'How much goes through',
  panels: [
    {
      title: 'Changes by outcome',
      description:
        'What becomes of the changes: applied, irrelevant (nothing that a read model shows, heartbeats among them), parked until their agent turn arrives, dead-lettered.',
      kind: 'stacked',
      unit: 'eps',
      width: 12,
      queries: [
        query(
          '{{outcome}}',
          `sum by (outcome) (rate(turnstream_changes_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Events by type',
      description: 'Events that the sequencer appends to turnstream.events.',
      kind: 'stacked',
      unit: 'eps',
      width: 12,
      queries: [
        query(
          '{{type}}',
          `sum by (type) (rate(turnstream_sequenced_events_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Events folded',
      description: 'Events that each projection takes.',
      kind: 'lines',
      unit: 'eps',
      width: 12,
      linksToProjection: true,
      queries: [
        query(
          '{{projection}}',
          `sum by (projection) (rate(turnstream_events_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Rows written',
      description:
        'Rows that the CQL database has acknowledged. A batch writes a row once, so there may be fewer rows than events.',
      kind: 'lines',
      unit: 'eps',
      width: 12,
      linksToProjection: true,
      queries: [
        query(
          '{{projection}}',
          `sum by (projection) (rate(turnstream_rows_written_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};

const stages: Row = {
  title: 'Where the time goes',
  panels: [
    {
      title: 'Stages, mean',
      description:
        'The way of an event from commit to readable: capture (until Debezium has it), sequence (until it is in turnstream.events), project (until its rows are computed), write (until they are acknowledged).',
      kind: 'stacked',
      unit: 's',
      width: 8,
      emptyMeans: 'No events',
      queries: [query('{{stage}}', mean('turnstream_stage_seconds', all, 'stage'))],
    },
    {
      title: 'Stages, p99',
      description: 'The slow ones of each stage. They do not add up.',
      kind: 'lines',
      unit: 's',
      width: 8,
      emptyMeans: 'No events',
      queries: [query('{{stage}}', quantile(0.99, 'turnstream_stage_seconds', all, 'stage'))],
    },
    {
      title: 'Commit to readable, p99',
      description: 'Of each read model, 99 of 100 events.',
      kind: 'lines',
      unit: 's',
      width: 8,
      emptyMeans: 'No events',
      linksToProjection: true,
      queries: [query('{{projection}}', quantile(0.99, readable, all, 'projection'))],
    },
  ],
};

const work: Row = {
  title: 'Batches, retries, caches',
  panels: [
    {
      title: 'Records in a batch, mean',
      description: 'Batches grow with the load: what is taken together costs less each.',
      kind: 'lines',
      unit: 'short',
      width: 8,
      emptyMeans: 'No batches',
      queries: [query('{{part}}', mean('turnstream_batch_records', all, 'part'))],
    },
    {
      title: 'Duration of a batch, p99',
      description: 'From taking it until its events (sequencer) or rows (worker) are acknowledged.',
      kind: 'lines',
      unit: 's',
      width: 8,
      emptyMeans: 'No batches',
      queries: [query('{{part}}', quantile(0.99, 'turnstream_batch_seconds', all, 'part'))],
    },
    {
      title: 'Bytes in flight',
      description:
        'Fetched and not yet written, of each process. It is bounded by the settings; at its bound the reading slows down.',
      kind: 'lines',
      unit: 'bytes',
      width: 8,
      queries: [
        query(
          '{{part}} {{instance}}',
          `max by (part, instance) (turnstream_bytes_in_flight{${all}})`,
        ),
      ],
    },
    {
      title: 'Retries',
      description:
        'Repeated calls after an error that passes: Kafka, the registry or the CQL database refuses or times out. The log says which and why.',
      kind: 'lines',
      unit: 'ops',
      width: 8,
      emptyMeans: 'No retries since the start',
      queries: [
        query(
          '{{operation}}',
          `sum by (operation) (rate(turnstream_retries_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Restarts and rebalances',
      description:
        'Rebalances: partitions assigned to a process. Restarts: a part that closed and opened again within its process, with the code of what it could not wait out.',
      kind: 'lines',
      unit: 'none',
      width: 8,
      queries: [
        query(
          'rebalances {{part}}',
          `sum by (part) (increase(turnstream_rebalances_total{${all}}[$__rate_interval]))`,
        ),
        query(
          'restarts {{part}} {{code}}',
          `sum by (part, code) (increase(turnstream_restarts_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Cache hits',
      description:
        'Share of look-ups that did not have to ask the CQL database: state and hints of the sequencer, totals of the workers.',
      kind: 'lines',
      unit: 'percentunit',
      width: 8,
      emptyMeans: 'No look-ups',
      queries: [
        query(
          '{{cache}}',
          `sum by (cache) (rate(turnstream_cache_reads_total{result="hit", ${all}}[$__rate_interval])) / sum by (cache) (rate(turnstream_cache_reads_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};

const processes: Row = {
  title: 'Processes',
  panels: [
    {
      title: 'Memory',
      description: 'Resident memory of each process.',
      kind: 'lines',
      unit: 'bytes',
      width: 8,
      queries: [query('{{job}} {{instance}}', `process_resident_memory_bytes{${all}} ${ours}`)],
    },
    {
      title: 'Processors',
      description: 'Processor time of each process; 1 is one core. A process folds on one core.',
      kind: 'lines',
      unit: 'percentunit',
      width: 8,
      queries: [
        query(
          '{{job}} {{instance}}',
          `rate(process_cpu_seconds_total{${all}}[$__rate_interval]) ${ours}`,
        ),
      ],
    },
    {
      title: 'Event loop delay, p99',
      description:
        'How late timers are. Hundreds of milliseconds: the process has more to do than its core can.',
      kind: 'lines',
      unit: 's',
      width: 8,
      queries: [query('{{job}} {{instance}}', `nodejs_eventloop_lag_p99_seconds{${all}} ${ours}`)],
    },
  ],
};

export const pipeline: Dashboard = {
  uid: 'turnstream-pipeline',
  title: 'Turnstream / Pipeline',
  description:
    'Lag and throughput of each stage and read model, from Postgres to the CQL database.',
  ofOneProjection: false,
  rows: [glance, lag, throughput, stages, captureRow, work, processes],
};
